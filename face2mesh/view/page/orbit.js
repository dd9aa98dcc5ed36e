// The camera: around a target, moved by mouse, fingers and keys.

const LENS = Math.tan((26 / 2) * (Math.PI / 180)); // half the picture's height at distance 1: a portrait lens
const TURN = 0.0075, STEP = 0.12; // radians for a pixel, for a key

class Orbit {
  constructor(canvas, box, changed) {
    const size = box.high.map((high, axis) => high - box.low[axis]);
    this.middle = box.high.map((high, axis) => (high + box.low[axis]) / 2);
    this.radius = Math.hypot(...size) / 2 || 1;
    // What must fit: the height, and the width of what turns about the vertical axis.
    this.half = { height: size[1] / 2 || this.radius, width: Math.max(size[0], 0.8 * Math.hypot(size[0], size[2])) / 2 || this.radius };
    this.canvas = canvas;
    this.changed = () => {}; // nothing to draw yet
    this.look(0, 0);
    this.changed = changed;
    this.listen();
  }

  // From an angle around and above (radians), all in the picture. `distance` is that of a photo's camera.
  look(around, above, distance) {
    Object.assign(this, { around, above, zoom: 1, target: [...this.middle], distance });
    this.changed();
  }

  // Where the eye is, and half the picture's height at distance 1, for a picture so much wider than high.
  place(aspect) {
    const fit = 1.12 * Math.max(this.half.height, this.half.width / aspect);
    const away = this.distance || fit / LENS + 0.4 * this.radius;
    const lens = this.distance ? fit / Math.max(away - 0.4 * this.radius, 0.1 * this.radius) : LENS;
    const back = [
      Math.sin(this.around) * Math.cos(this.above), Math.sin(this.above), Math.cos(this.around) * Math.cos(this.above),
    ];
    const distance = away * this.zoom;
    return { eye: this.target.map((t, axis) => t + back[axis] * distance), back, distance, lens };
  }

  turn(right, up) {
    this.around -= right;
    this.above = Math.min(1.5, Math.max(-1.5, this.above + up));
    this.changed();
  }

  nearer(factor) {
    this.zoom = Math.min(4, Math.max(0.08, this.zoom * factor));
    this.changed();
  }

  // Move the target along with the pointer.
  shift(right, down) {
    const { back, distance, lens } = this.place(this.canvas.clientWidth / this.canvas.clientHeight);
    const side = unit(cross([0, 1, 0], back)), up = cross(back, side);
    const pixel = (2 * lens * distance) / this.canvas.clientHeight;
    const most = 1.5 * this.radius;
    this.target = this.target.map((t, axis) => {
      const moved = t + pixel * (up[axis] * down - side[axis] * right);
      return Math.min(this.middle[axis] + most, Math.max(this.middle[axis] - most, moved));
    });
    this.changed();
  }

  listen() {
    const { canvas } = this, fingers = new Map();
    const spread = () => {
      const [a, b] = [...fingers.values()];
      return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, length: Math.hypot(a.x - b.x, a.y - b.y) || 1 };
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
    canvas.addEventListener("pointermove", (event) => {
      const finger = fingers.get(event.pointerId);
      if (!finger) return;
      const before = fingers.size > 1 ? spread() : finger;
      const now = { x: event.clientX, y: event.clientY };
      fingers.set(event.pointerId, now);
      if (fingers.size > 1) {
        const after = spread();
        this.nearer(before.length / after.length);
        this.shift(after.x - before.x, after.y - before.y);
      } else if (event.buttons === 1 && !event.shiftKey) this.turn((now.x - before.x) * TURN, (now.y - before.y) * TURN);
      else this.shift(now.x - before.x, now.y - before.y);
    });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1; // some mice count lines, others pixels
      this.nearer(Math.exp(Math.max(-80, Math.min(80, event.deltaY * lines)) * 0.0025));
    }, { passive: false });
    canvas.addEventListener("dblclick", () => this.look(0, 0));
    const keys = {
      ArrowLeft: () => this.turn(STEP, 0), ArrowRight: () => this.turn(-STEP, 0),
      ArrowUp: () => this.turn(0, STEP), ArrowDown: () => this.turn(0, -STEP),
      "+": () => this.nearer(0.9), "=": () => this.nearer(0.9), "-": () => this.nearer(1 / 0.9), Home: () => this.look(0, 0),
    };
    canvas.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
}
