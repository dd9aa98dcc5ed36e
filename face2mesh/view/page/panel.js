// The controls beside the picture.

function button(text, act, { pressed, title = "" } = {}) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.title = title;
  if (pressed !== undefined) made.setAttribute("aria-pressed", pressed);
  made.addEventListener("click", () => act(made));
  return made;
}

const press = (made, on) => made.setAttribute("aria-pressed", on);

function slider(text, [low, high], step, value, words, act) {
  const row = document.createElement("label");
  row.className = "row";
  row.innerHTML = '<span></span><input type="range"><output></output>';
  const [name, input, output] = row.children;
  name.textContent = name.title = text;
  Object.assign(input, { min: low, max: high, step, value });
  const show = (number) => {
    output.textContent = words(number);
    row.classList.toggle("moved", number !== 0);
  };
  show(value);
  input.addEventListener("input", () => {
    show(input.valueAsNumber);
    act(input.valueAsNumber);
  });
  return { row, show: (number) => { input.value = number; show(number); } };
}

function check(text, on) {
  const label = document.createElement("label"), input = document.createElement("input");
  label.className = "check";
  Object.assign(input, { type: "checkbox", checked: on });
  label.append(input, text);
  return { label, on: () => input.checked };
}

// Sliders for all shapes, in groups that open and close; what they show follows `show`.
function shapePanel(home, weights, moved, reset) {
  const sliders = new Map(), counts = [];
  const known = (name) => GROUPS.find(([, pattern]) => pattern.test(name))?.[0] ?? "Other";
  const twins = check("Move both sides", false);
  const tools = document.createElement("div");
  tools.className = "tools";
  tools.append(twins.label, button("Reset", reset));
  home.append(tools);
  for (const group of [...GROUPS.map(([name]) => name), "Other"]) {
    const names = [...weights.keys()].filter((name) => known(name) === group);
    if (!names.length) continue;
    const details = document.createElement("details"), summary = document.createElement("summary");
    const count = document.createElement("small");
    details.open = group === "Jaw"; // few, and the first that one wants to move
    summary.append(group, count);
    details.append(summary);
    counts.push({ names, count });
    for (const name of names) {
      const range = [Math.min(0, weights.get(name)), Math.max(1, weights.get(name))];
      const made = slider(name, range, 0.01, weights.get(name), (x) => x.toFixed(2), (value) => {
        const other = name.replace(/(Left|Right)$/, (side) => (side === "Left" ? "Right" : "Left"));
        // The jaw and the mouth as a whole go left or right; those are no two sides.
        const both = twins.on() && weights.has(other) && !/^(jaw|mouth)(Left|Right)$/.test(name);
        moved(new Map(both ? [[name, value], [other, value]] : [[name, value]]));
      });
      sliders.set(name, made);
      details.append(made.row);
    }
    home.append(details);
  }
  if (home.querySelectorAll("details").length === 1) home.querySelector("details").open = true;
  return (now) => {
    for (const [name, { show }] of sliders) show(now.get(name) || 0);
    for (const { names, count } of counts) {
      const active = names.filter((name) => Math.abs(now.get(name) || 0) >= 0.005).length;
      count.textContent = active ? `${active} of ${names.length}` : `${names.length}`;
    }
  };
}
