// The page: from the embedded GLB to a head that moves.

const find = (selector) => document.querySelector(selector);
const canvas = find("canvas");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const EASE = 260; // ms from one expression to the next

function tell(sentence) {
  find("#notice").textContent = sentence;
  find("#notice").hidden = false;
}

function start() {
  const name = decodeURIComponent(location.pathname.split("/").pop()).replace(/\.html?$/i, "") || "Head";
  document.title = find("h1").textContent = find("h1").title = name;
  const model = modelOf(bytesOfBase64(find("#glb").textContent));
  const shapes = model.pieces.map((piece) => new Shape(piece));
  const own = model.weights, weights = new Map(own);
  let movement = null, reshape = true, waiting = false;

  const orbit = new Orbit(canvas, boxOf(model.pieces), redraw);
  const picture = new Picture(canvas, model, shapes, orbit);
  picture.paint(model).then(redraw, () => tell("A picture in this GLB cannot be read; export it again."));

  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame((now) => {
      waiting = false;
      frame(now);
    });
  }

  function frame(now) {
    if (movement) movement(now);
    if (reshape) {
      shapes.forEach((shape) => shape.take(weights));
      picture.upload();
      reshape = false;
    }
    picture.draw();
    if (movement) redraw();
  }

  function give(news, quietly) {
    for (const [key, value] of news) if (weights.has(key)) weights.set(key, value);
    reshape = true;
    if (!quietly) showWeights?.(weights);
    redraw();
  }

  // Every weight to its new value (0 where none is given), softly.
  function goTo(face) {
    stopSpeech();
    const from = new Map(weights), to = new Map([...weights.keys()].map((key) => [key, face.get(key) || 0]));
    if (still.matches) return give(to);
    let began = null;
    movement = (now) => {
      began ??= now;
      const share = Math.min(1, (now - began) / EASE), soft = share * share * (3 - 2 * share);
      give([...to].map(([key, value]) => [key, share === 1 ? value : from.get(key) + soft * (value - from.get(key))]));
      if (share === 1) movement = null;
    };
    redraw();
  }

  let speaking = null;
  function stopSpeech() {
    movement = null;
    if (speaking) press(speaking.key, false);
    const before = speaking?.before;
    speaking = null;
    return before;
  }
  function speak(key) {
    const before = stopSpeech();
    if (before) return goTo(before);
    speaking = { key, before: new Map(weights) };
    press(key, true);
    let began = null;
    movement = (now) => {
      began ??= now;
      const face = speechAt((now - began) / 1000);
      give([...weights.keys()].map((name) => [name, face.get(name) || 0]));
    };
    redraw();
  }

  let showWeights = null;
  if (weights.size) {
    const NONE = new Map();
    const arkit = weights.has("jawOpen");
    const photo = [...own.values()].some(Boolean);
    find("#faces").append(button("Neutral", () => goTo(NONE)));
    if (photo) find("#faces").append(button("Photo", () => goTo(own), { title: "The expression that the file comes with" }));
    if (arkit) {
      find("#faces").append(
        button("Smile", () => goTo(bothSides(SMILE))), button("Surprise", () => goTo(bothSides(SURPRISE))), button("Speech", speak, { pressed: false }),
      );
    }
    showWeights = shapePanel(find("#shapes"), weights, (news) => { stopSpeech(); give(news); }, () => goTo(NONE));
    showWeights(weights);
  }

  const view = (around, above) => () => {
    picture.pose = null;
    orbit.look(around, above);
  };
  find("#views").append(button("Front", view(0, 0)), button("Three-quarter", view(0.7, 0.1)), button("Side", view(Math.PI / 2, 0)));
  const seen = photoPose(model.photo);
  if (seen) {
    const pose = () => {
      picture.pose = seen.rotation;
      orbit.look(0, 0, seen.distance);
    };
    find("#views").append(button("Photo", pose, { title: "Turned, and as far away, as in the photo" }));
  }

  const toggle = (text, key, act) => {
    find("#looks").append(button(text, (made) => {
      picture.look[key] = !picture.look[key];
      press(made, picture.look[key]);
      act?.();
      redraw();
    }, { pressed: picture.look[key] }));
  };
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = () => document.documentElement.classList.toggle("dark", picture.look.dark);
  picture.look.dark = dark;
  theme();
  toggle("Wireframe", "wireframe");
  toggle("Texture", "texture");
  toggle("Dark", "dark", theme);
  find("#looks").append(slider("Light", [-180, 180], 1, 0, (x) => `${x}°`, (x) => {
    picture.look.light = (x * Math.PI) / 180;
    redraw();
  }).row);

  find("#save").addEventListener("click", async () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await picture.png());
    link.download = `${name}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });

  const triangles = model.pieces.reduce((sum, piece) => sum + piece.triangles.length / 3, 0);
  const vertices = model.pieces.reduce((sum, piece) => sum + piece.positions.length / 3, 0);
  const quads = picture.parts.every((part) => part.quads);
  const number = (x) => x.toLocaleString("en");
  find("#facts").textContent =
    `${number(vertices)} vertices · ${quads ? `${number(triangles / 2)} quads` : `${number(triangles)} triangles`}` +
    (weights.size ? ` · ${weights.size} shapes` : "");

  new ResizeObserver(() => {
    const scale = Math.min(devicePixelRatio || 1, 2);
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
    frame(performance.now()); // at once, or the picture would flicker
  }).observe(canvas);
  canvas.addEventListener("webglcontextlost", () => tell("The graphics card was taken away; load the page again."));

  // For scripts and the console.
  window.face2mesh = {
    names: [...weights.keys()],
    get weights() { return Object.fromEntries(weights); },
    set: (face) => { stopSpeech(); give(Object.entries(face)); },
    // Per part, metres, after the morphing; as they are drawn.
    positions: () => shapes.map((shape) => (shape.take(weights), [...shape.positions])),
    normals: () => shapes.map((shape) => (shape.take(weights), shape.normals && [...shape.normals])),
    get view() { return { around: orbit.around, above: orbit.above, zoom: orbit.zoom, target: orbit.target, pose: picture.pose }; },
    png: () => picture.png(),
  };
}

function boxOf(pieces) {
  const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  for (const { positions } of pieces)
    for (let i = 0; i < positions.length; i++) {
      low[i % 3] = Math.min(low[i % 3], positions[i]);
      high[i % 3] = Math.max(high[i % 3], positions[i]);
    }
  return { low, high };
}

// How the head was turned towards the photo's camera, seen along the ray to the head, and how far away it was (metres).
function photoPose(photo) {
  const rows = photo?.pose?.rotation, t = photo?.pose?.translation_mm;
  if (!rows || !t) return null;
  // The photo's axes are right, down and forward; ours right, up and back.
  const flipped = (v) => [v[0], -v[1], -v[2]];
  const back = unit(flipped(t).map((x) => -x)), side = unit(cross([0, 1, 0], back)), up = cross(back, side);
  const columns = [0, 1, 2].map((k) => flipped(rows.map((row) => row[k])));
  return { rotation: [side, up, back].map((axis) => columns.map((column) => dot(axis, column))), distance: Math.hypot(...t) / 1000 };
}

try {
  start();
} catch (error) {
  tell(error instanceof Refusal ? error.message : "This GLB cannot be shown; export it again as glTF 2.0.");
  if (!(error instanceof Refusal)) throw error;
}
