
// Things in three dimensions on a plain canvas: a surface of equal density, and one concerted event over time.

const EDGES = [[0, 1], [0, 2], [0, 4], [1, 3], [1, 5], [2, 3], [2, 6], [3, 7], [4, 5], [4, 6], [5, 7], [6, 7]];
const FIRST_VIEW = { yaw: 0.55, pitch: 0.3, zoom: 1 };

// A canvas that turns under mouse, finger and keyboard. itemsOf(project) returns things with a depth and a draw.
function addScene(box, radius, itemsOf, keys) {
  const angle = { ...FIRST_VIEW };
  const canvas = element("canvas", { tabIndex: 0, className: "scene" });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", box.dataset.title + ". " + box.dataset.help);
  const draw = (context, width, height) => {
    const scale = (0.5 * Math.min(width, height) * angle.zoom) / radius;
    const [cy, sy, cp, sp] = [Math.cos(angle.yaw), Math.sin(angle.yaw), Math.cos(angle.pitch), Math.sin(angle.pitch)];
    // The third axis of space points up; positive depth is nearer to the reader.
    const project = ([x, y, z]) => {
      const right = cy * x - sy * y;
      const away = sy * x + cy * y;
      return [width / 2 + scale * right, height / 2 - scale * (cp * z - sp * away), -scale * (sp * z + cp * away)];
    };
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, width, height);
    const items = itemsOf(project, scale);
    items.sort((a, b) => a.depth - b.depth);
    for (const item of items) item.draw(context);
  };
  const redraw = fittedCanvas(canvas, (width) => Math.min(width * 0.85, 460), draw);
  let dragged = null;
  canvas.addEventListener("pointerdown", (event) => {
    dragged = { x: event.clientX, y: event.clientY, yaw: angle.yaw, pitch: angle.pitch };
    canvas.setPointerCapture(event.pointerId);
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { dragged = null; });
  canvas.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    angle.yaw = dragged.yaw + (event.clientX - dragged.x) * 0.01;
    angle.pitch = Math.min(Math.max(dragged.pitch + (event.clientY - dragged.y) * 0.01, -1.57), 1.57);
    redraw();
  });
  const acts = {
    ArrowLeft: () => { angle.yaw -= 0.1; },
    ArrowRight: () => { angle.yaw += 0.1; },
    ArrowUp: () => { angle.pitch = Math.min(angle.pitch + 0.1, 1.57); },
    ArrowDown: () => { angle.pitch = Math.max(angle.pitch - 0.1, -1.57); },
    "+": () => { angle.zoom = Math.min(angle.zoom * 1.15, 6); },
    "=": () => acts["+"](),
    "-": () => { angle.zoom = Math.max(angle.zoom / 1.15, 0.4); },
    0: () => Object.assign(angle, FIRST_VIEW),
    ...keys,
  };
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in acts)) return;
    acts[event.key]();
    event.preventDefault();
    redraw();
  });
  return { canvas, redraw };
}

function lineItem(project, begin, end, colour, width, dash) {
  const [a, b] = [project(begin), project(end)];
  return {
    depth: (a[2] + b[2]) / 2,
    draw: (context) => {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.setLineDash(dash || []);
      context.beginPath();
      context.moveTo(a[0], a[1]);
      context.lineTo(b[0], b[1]);
      context.stroke();
      context.setLineDash([]);
    },
  };
}

function textItem(project, at, text, colour, lift) {
  const [x, y, depth] = project(at);
  return {
    depth: depth + 1e6,
    draw: (context) => {
      context.font = "600 13px system-ui, sans-serif";
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.lineWidth = 3;
      context.strokeStyle = "#ffffff";
      context.fillStyle = colour;
      context.strokeText(text, x, y - (lift || 0));
      context.fillText(text, x, y - (lift || 0));
    },
  };
}

function ballItem(project, at, radius, colour, ring) {
  const [x, y, depth] = project(at);
  return {
    depth,
    draw: (context) => {
      context.beginPath();
      context.arc(x, y, Math.max(radius, 1.5), 0, 2 * Math.PI);
      if (ring) {
        context.strokeStyle = colour;
        context.lineWidth = ring;
        context.stroke();
        return;
      }
      const shine = context.createRadialGradient(x - radius * 0.35, y - radius * 0.4, radius * 0.1, x, y, radius * 1.05);
      shine.addColorStop(0, "#ffffff");
      shine.addColorStop(0.35, colour);
      shine.addColorStop(1, colour);
      context.fillStyle = shine;
      context.fill();
      context.strokeStyle = "rgba(0,0,0,0.45)";
      context.lineWidth = 0.7;
      context.stroke();
    },
  };
}

// Surface nets: one vertex in every cell of the grid that the surface crosses, one quadrangle for every crossed edge.
function surfaceOf(values, shape, level) {
  const [na, nb, nc] = shape;
  const at = (i, j, k) => values[((i % na) * nb + (j % nb)) * nc + (k % nc)];
  const inside = (i, j, k) => at(i, j, k) >= level;
  const numbers = new Int32Array(na * nb * nc).fill(-1);
  const vertices = [];
  const faces = [];
  for (let i = 0; i < na; i += 1) for (let j = 0; j < nb; j += 1) for (let k = 0; k < nc; k += 1) {
    const corner = [];
    for (let c = 0; c < 8; c += 1) corner.push(at(i + (c >> 2), j + ((c >> 1) & 1), k + (c & 1)));
    let crossings = 0;
    const sum = [0, 0, 0];
    for (const [p, q] of EDGES) {
      if (corner[p] >= level === corner[q] >= level) continue;
      const share = (level - corner[p]) / (corner[q] - corner[p]);
      for (let axis = 0; axis < 3; axis += 1) {
        const [low, high] = [(p >> (2 - axis)) & 1, (q >> (2 - axis)) & 1];
        sum[axis] += low + share * (high - low);
      }
      crossings += 1;
    }
    if (!crossings) continue;
    numbers[(i * nb + j) * nc + k] = vertices.length;
    vertices.push([(i + sum[0] / crossings) / na, (j + sum[1] / crossings) / nb, (k + sum[2] / crossings) / nc]);
  }
  const number = (i, j, k) => numbers[(i * nb + j) * nc + k];
  for (let i = 0; i < na; i += 1) for (let j = 0; j < nb; j += 1) for (let k = 0; k < nc; k += 1) {
    const here = inside(i, j, k);
    if (j && k && here !== inside(i + 1, j, k)) faces.push([number(i, j, k), number(i, j - 1, k), number(i, j - 1, k - 1), number(i, j, k - 1)]);
    if (i && k && here !== inside(i, j + 1, k)) faces.push([number(i, j, k), number(i - 1, j, k), number(i - 1, j, k - 1), number(i, j, k - 1)]);
    if (i && j && here !== inside(i, j, k + 1)) faces.push([number(i, j, k), number(i - 1, j, k), number(i - 1, j - 1, k), number(i, j - 1, k)]);
  }
  return { vertices, faces };
}

function faceItem(corners) {
  const [a, b, c] = corners;
  const [u, v] = [[b[0] - a[0], b[1] - a[1], b[2] - a[2]], [c[0] - a[0], c[1] - a[1], c[2] - a[2]]];
  const normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
  const length = Math.hypot(...normal) || 1;
  // Seen from either side: light comes from the reader and a little from above.
  const sign = normal[2] < 0 ? -1 : 1;
  const light = Math.max(0, (sign * (0.85 * normal[2] - 0.45 * normal[1] - 0.25 * normal[0])) / length);
  const shade = 0.25 + 0.75 * Math.min(light, 1);
  const colour = `rgb(${Math.round(30 + 100 * shade)},${Math.round(70 + 130 * shade)},${Math.round(120 + 130 * shade)})`;
  return {
    depth: corners.reduce((sum, corner) => sum + corner[2], 0) / corners.length,
    draw: (context) => {
      context.beginPath();
      context.moveTo(a[0], a[1]);
      for (const corner of corners.slice(1)) context.lineTo(corner[0], corner[1]);
      context.closePath();
      context.fillStyle = context.strokeStyle = colour;
      context.lineWidth = 0.6;
      context.fill();
      context.stroke();
    },
  };
}

function addDensity(box, data) {
  const values = bytesOf(data.values);
  const cell = data.cell;
  const place = (f) => [0, 1, 2].map((axis) =>
    (f[0] - 0.5) * cell[0][axis] + (f[1] - 0.5) * cell[1][axis] + (f[2] - 0.5) * cell[2][axis]);
  const corners = [...Array(8).keys()].map((c) => place([c >> 2, (c >> 1) & 1, c & 1]));
  const radius = 1.06 * Math.max(...corners.map((corner) => Math.hypot(...corner)));
  const toStep = (density) => 255 * Math.sqrt(Math.min(density / data.scale_A3, 1));
  let surface = null;
  const slider = element("input", { type: "range", min: 8, max: 250, step: 1 });
  slider.value = Math.round(Math.min(Math.max(toStep(3 * data.mean_A3), 8), 200));
  const tell = element("output", { className: "readout" });
  const atLevel = () => {
    const density = data.scale_A3 * (slider.value / 255) ** 2;
    const found = surfaceOf(values, data.shape, Number(slider.value));
    surface = { vertices: found.vertices.map(place), faces: found.faces };
    tell.textContent = `Surface at ${rounded(density, 2)} Å⁻³, ${rounded(density / data.mean_A3, 2)} times the mean`;
  };
  const scene = addScene(box, radius, (project) => {
    if (!surface) atLevel();
    const projected = surface.vertices.map(project);
    const items = surface.faces.map((face) => faceItem(face.map((number) => projected[number])));
    for (const [p, q] of EDGES) {
      for (let part = 0; part < 6; part += 1) {
        const mix = (share) => corners[p].map((x, axis) => x + share * (corners[q][axis] - x));
        items.push(lineItem(project, mix(part / 6), mix((part + 1) / 6), "#666666", 1));
      }
    }
    ["a", "b", "c"].forEach((name, axis) => {
      const end = [0, 0, 0];
      end[axis] = 1.05;
      items.push(textItem(project, place(end), name, "#222222"));
    });
    for (const site of data.sites) for (const at of site.at) items.push(ballItem(project, place(at), 3, site.colour));
    return items;
  });
  slider.addEventListener("input", () => {
    atLevel();
    scene.redraw();
  });
  const legend = data.sites.map((site) => {
    const mark = element("span", { className: "mark" });
    mark.style.backgroundColor = site.colour;
    return element("span", { className: "key" }, mark, site.label);
  });
  atLevel();
  box.append(scene.canvas, element("label", { className: "tools" }, "Level ", slider), tell,
    element("p", { className: "help" }, ...legend, box.dataset.help));
}

const BOND_A = 2.45;
const EVENT_RADIUS_A = 6.4;
const SECONDS_OF_FILM = 8;

function addEvent(box, data) {
  const last = data.time_ps.length - 1;
  let frame = 0;
  let timer = null;
  const slider = element("input", { type: "range", min: 0, max: last, step: 1, value: 0 });
  slider.setAttribute("aria-label", "Time");
  const play = element("button", { type: "button" }, "Play");
  const tell = element("output", { className: "readout" });
  const bonds = [];
  data.framework.forEach((one, i) => data.framework.slice(i + 1).forEach((other) => {
    if (one.element !== other.element && Math.hypot(...one.at.map((x, axis) => x - other.at[axis])) < BOND_A) bonds.push([one.at, other.at]);
  }));
  const scene = addScene(box, EVENT_RADIUS_A, (project, scale) => {
    const items = bonds.map(([a, b]) => lineItem(project, a, b, "#b9b9b9", 3));
    for (const atom of data.framework) items.push(ballItem(project, atom.at, 0.42 * scale, atom.element === "S" ? "#d9d2a8" : "#a9a9b8"));
    for (const site of data.sites) items.push(ballItem(project, site.at, (site.onPath ? 0.55 : 0.3) * scale, site.colour, site.onPath ? 2.2 : 0.8));
    data.path.forEach((at, index) => items.push(textItem(project, at, data.labels[index], "#000000", 0.75 * scale)));
    for (const other of data.others[frame]) items.push(ballItem(project, other, 0.38 * scale, "#9fb4c7"));
    data.movers[frame].forEach((at, index) => {
      const colour = data.colours[index];
      for (let past = Math.max(frame - 14, 1); past <= frame; past += 1) {
        items.push(lineItem(project, data.movers[past - 1][index], data.movers[past][index], colour, 2));
      }
      items.push(lineItem(project, data.path[index], data.path[index + 1], colour, 1.5, [4, 4]));
      items.push(ballItem(project, at, 0.55 * scale, colour));
    });
    return items;
  }, { " ": () => toggle() });
  const show = (number) => {
    frame = number;
    slider.value = number;
    const done = data.hop_ps.map((time) => time <= data.time_ps[frame]);
    const [first, middle, end] = data.labels;
    const state = (index, from, to) => `${["first", "second"][index]} ${data.carrier} on ${done[index] ? to : from}`;
    tell.textContent = `${rounded(data.time_ps[frame], 3)} ps: ${state(0, first, middle)}, ${state(1, middle, end)}`;
    scene.redraw();
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  };
  const toggle = () => {
    if (timer) return stop();
    play.textContent = "Stop";
    if (frame === last) show(0);
    timer = setInterval(() => {
      if (frame === last || !scene.canvas.clientWidth) stop();
      else show(frame + 1);
    }, (1000 * SECONDS_OF_FILM) / Math.max(last, 1));
    return undefined;
  };
  play.addEventListener("click", toggle);
  slider.addEventListener("input", () => {
    stop();
    show(Number(slider.value));
  });
  box.append(scene.canvas, element("div", { className: "tools" }, play, slider), tell,
    element("p", { className: "help" }, box.dataset.help));
  show(Math.round(last / 2));
}
