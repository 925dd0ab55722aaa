
// Who sat where when: every site a row, time along it.

const RASTER = { empty: "#ffffff", one: "#0072B2", several: "#D55E00", left: 74, bottom: 38, fewestFrames: 20 };

function rasterRows(data) {
  const sites = data.labels.map((label, site) => site);
  sites.sort((a, b) => data.order.indexOf(data.labels[a]) - data.order.indexOf(data.labels[b]) || a - b);
  const rowOf = new Array(sites.length);
  sites.forEach((site, row) => { rowOf[site] = row; });
  const stays = sites.map(() => []);
  data.site.forEach((site, i) => stays[rowOf[site]].push({ carrier: data.carrier[i], start: data.start[i], end: data.end[i] }));
  const shared = stays.map((row) => {
    row.sort((a, b) => a.start - b.start);
    const found = [];
    let latest = -1;
    for (const stay of row) {
      if (stay.start < latest) found.push({ start: stay.start, end: Math.min(stay.end, latest) });
      latest = Math.max(latest, stay.end);
    }
    return found;
  });
  return { sites, stays, shared };
}

function addRaster(box, data) {
  const { sites, stays, shared } = rasterRows(data);
  const total = data.n_frames;
  const view = { start: 0, end: total, row: 0, frame: 0, active: false };
  const canvas = element("canvas", { tabIndex: 0 });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", box.dataset.title + ". " + box.dataset.help);
  const tell = element("output", { className: "readout" }, "Point at a site.");
  const button = (text, name, act) => {
    const node = element("button", { type: "button" }, text);
    node.setAttribute("aria-label", name);
    node.addEventListener("click", act);
    return node;
  };
  const toTime = (frame) => rounded(frame * data.interval_ps, 4) + " ps";

  const zoom = (factor) => {
    const centre = view.active ? view.frame : (view.start + view.end) / 2;
    const length = Math.min(Math.max((view.end - view.start) * factor, Math.min(RASTER.fewestFrames, total)), total);
    view.start = Math.min(Math.max(centre - length / 2, 0), total - length);
    view.end = view.start + length;
    redraw();
  };
  const everything = () => {
    [view.start, view.end] = [0, total];
    redraw();
  };

  const draw = (context, width, height) => {
    const inner = { width: width - RASTER.left - 8, height: height - RASTER.bottom };
    const step = inner.height / sites.length;
    const x = (frame) => RASTER.left + ((frame - view.start) / (view.end - view.start)) * inner.width;
    context.fillStyle = RASTER.empty;
    context.fillRect(0, 0, width, height);
    context.save();
    context.beginPath();
    context.rect(RASTER.left, 0, inner.width, inner.height);
    context.clip();
    for (const [rows, colour] of [[stays, RASTER.one], [shared, RASTER.several]]) {
      context.fillStyle = colour;
      rows.forEach((row, index) => {
        for (const stay of row) {
          if (stay.end <= view.start || stay.start >= view.end) continue;
          context.fillRect(x(stay.start), index * step, Math.max(x(stay.end) - x(stay.start), 0.5), step * (step > 3 ? 0.86 : 1));
        }
      });
    }
    if (view.active) {
      context.strokeStyle = "#000000";
      context.lineWidth = 1;
      context.strokeRect(RASTER.left, view.row * step - 0.5, inner.width, step + 1);
      context.beginPath();
      context.moveTo(x(view.frame + 0.5), 0);
      context.lineTo(x(view.frame + 0.5), inner.height);
      context.stroke();
    }
    context.restore();
    drawRasterAxes(context, data, sites, { width, inner, step, x, view });
  };
  const redraw = fittedCanvas(canvas, (width) => Math.min(Math.max(sites.length * 4, 240), width * 1.1, 620) + RASTER.bottom, draw);

  const describe = () => {
    const site = sites[view.row];
    const held = stays[view.row].filter((stay) => stay.start <= view.frame && view.frame < stay.end);
    const who = held.map((stay) => `carrier ${stay.carrier} from ${toTime(stay.start)} to ${toTime(stay.end)}`);
    tell.textContent = `Site ${site} (${data.labels[site]}) at ${toTime(view.frame)}: ${who.join("; ") || "empty"}`;
    view.active = true;
    redraw();
  };
  const point = (event) => {
    const area = canvas.getBoundingClientRect();
    const along = (event.clientX - area.left - RASTER.left) / (area.width - RASTER.left - 8);
    const down = (event.clientY - area.top) / (area.height - RASTER.bottom);
    if (along < 0 || along >= 1 || down < 0 || down >= 1) return;
    view.row = Math.floor(down * sites.length);
    view.frame = Math.floor(view.start + along * (view.end - view.start));
    describe();
  };
  let dragged = null;
  canvas.addEventListener("pointerdown", (event) => {
    dragged = { x: event.clientX, start: view.start, end: view.end };
    canvas.setPointerCapture(event.pointerId);
    point(event);
  });
  canvas.addEventListener("pointerup", () => { dragged = null; });
  canvas.addEventListener("pointercancel", () => { dragged = null; });
  canvas.addEventListener("pointermove", (event) => {
    if (dragged && view.end - view.start < total) {
      const length = dragged.end - dragged.start;
      const moved = ((dragged.x - event.clientX) / (canvas.clientWidth - RASTER.left - 8)) * length;
      view.start = Math.min(Math.max(dragged.start + moved, 0), total - length);
      view.end = view.start + length;
      redraw();
    } else point(event);
  });
  canvas.addEventListener("keydown", (event) => {
    const step = Math.max(1, Math.round((view.end - view.start) / 100));
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] };
    if (event.key in moves) {
      const [rows, frames] = moves[event.key];
      view.row = Math.min(Math.max(view.row + rows, 0), sites.length - 1);
      view.frame = Math.min(Math.max(view.frame + frames, 0), total - 1);
      const length = view.end - view.start;
      if (view.frame < view.start) view.start = view.frame;
      if (view.frame >= view.end) view.start = view.frame + 1 - length;
      view.end = view.start + length;
      describe();
    } else if (event.key === "+" || event.key === "=") zoom(0.5);
    else if (event.key === "-") zoom(2);
    else if (event.key === "0") everything();
    else return;
    event.preventDefault();
  });
  const tools = element("div", { className: "tools" },
    button("+", "Zoom in", () => zoom(0.5)), button("−", "Zoom out", () => zoom(2)), button("All", "Show the whole run", everything));
  box.append(canvas, tools, tell, element("p", { className: "help" }, box.dataset.help));
}

function drawRasterAxes(context, data, sites, { width, inner, step, x, view }) {
  context.fillStyle = "#222222";
  context.strokeStyle = "#222222";
  context.lineWidth = 1;
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.strokeRect(RASTER.left + 0.5, 0.5, inner.width - 1, inner.height - 1);
  let first = 0;
  for (const label of data.order) {
    const count = sites.filter((site) => data.labels[site] === label).length;
    context.fillText(`${label} (${count})`, RASTER.left - 6, (first + count / 2) * step);
    first += count;
    if (first < sites.length) {
      context.beginPath();
      context.moveTo(RASTER.left - 4, first * step);
      context.lineTo(RASTER.left + inner.width, first * step);
      context.stroke();
    }
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  const first_ps = view.start * data.interval_ps;
  const last_ps = view.end * data.interval_ps;
  const gap = roundStep((last_ps - first_ps) / (width < 500 ? 3 : 7));
  for (let time = Math.ceil(first_ps / gap - 1e-9) * gap; time <= last_ps + 1e-9; time += gap) {
    const place = x(time / data.interval_ps);
    context.fillText(rounded(time, 5), Math.min(place, width - 18), inner.height + 6);
    context.fillRect(place - 0.5, inner.height, 1, 5);
  }
  context.textAlign = "right";
  context.fillText("time (ps)", width - 8, inner.height + 20);
}

// The next of 1, 2, 5, 10, … that is not below a number.
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least * (1 - 1e-9));
}
