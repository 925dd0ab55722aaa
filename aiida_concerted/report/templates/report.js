"use strict";

// Helpers that the other parts use, values of points on demand, choice of one figure of a group, further downloads.

function element(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function dataOf(node) {
  const script = node.querySelector('script[type="application/json"]');
  return script ? JSON.parse(script.textContent) : null;
}

function rounded(value, digits) {
  if (value === 0) return "0";
  const text = Number(value).toPrecision(digits);
  return text.includes("e") ? text : String(Number(text));
}

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

// A canvas in the pixels of the screen that is drawn again whenever its place on the page changes.
function fittedCanvas(canvas, heightOf, draw) {
  const fit = () => {
    const width = canvas.clientWidth;
    if (!width) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const height = Math.round(heightOf(width));
    canvas.style.height = height + "px";
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw(context, width, height);
  };
  new ResizeObserver(fit).observe(canvas);
  return fit;
}

const HOVER_REACH_PX = 26;

function addHover(plot) {
  const data = dataOf(plot);
  if (!data || !data.points.length) return;
  const image = plot.querySelector("img");
  const dot = element("span", { className: "dot", hidden: true });
  const tip = element("output", { className: "tip", hidden: true });
  tip.setAttribute("aria-live", "polite");
  plot.append(dot, tip);
  plot.tabIndex = 0;
  plot.setAttribute("role", "group");
  plot.setAttribute("aria-label", "Values: arrow keys go from point to point, Escape ends. " + image.alt);
  let current = -1;

  const hide = () => {
    dot.hidden = tip.hidden = true;
    current = -1;
  };
  const show = (index) => {
    current = index;
    const [x, y, text] = data.points[index];
    dot.style.left = tip.style.left = 100 * x + "%";
    dot.style.top = 100 * y + "%";
    tip.style.top = 100 * y + "%";
    tip.classList.toggle("to-left", x > 0.5);
    tip.classList.toggle("below", y < 0.3);
    tip.textContent = text;
    dot.hidden = tip.hidden = false;
  };
  const atPointer = (event) => {
    const box = image.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    let best = -1;
    let least = HOVER_REACH_PX * HOVER_REACH_PX;
    data.points.forEach((point, index) => {
      const distance = (point[0] * box.width - x) ** 2 + (point[1] * box.height - y) ** 2;
      if (distance < least) [best, least] = [index, distance];
    });
    if (best < 0) hide();
    else if (best !== current) show(best);
  };
  plot.addEventListener("pointermove", atPointer);
  plot.addEventListener("pointerdown", atPointer);
  plot.addEventListener("pointerleave", hide);
  plot.addEventListener("blur", hide);
  plot.addEventListener("keydown", (event) => {
    const last = data.points.length - 1;
    const moves = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    if (event.key === "Escape") hide();
    else if (event.key === "Home") show(0);
    else if (event.key === "End") show(last);
    else if (event.key in moves) show(Math.min(Math.max(current + moves[event.key], 0), last));
    else return;
    event.preventDefault();
  });
}

// Groups of figures, one for each temperature: all groups follow the choice made in one.
function addChoices() {
  const groups = [...document.querySelectorAll(".choice")].map((box) => {
    const figures = [...box.querySelectorAll(":scope > figure")];
    const legend = element("legend", {}, "Show");
    const buttons = element("fieldset", { className: "choices" }, legend);
    const inputs = figures.map((figure) => {
      const value = figure.dataset.choice;
      const input = element("input", { type: "radio", name: "choice-" + box.dataset.group, value });
      input.addEventListener("change", () => choose(value));
      buttons.append(element("label", {}, input, " " + value));
      return input;
    });
    box.prepend(buttons);
    return { figures, inputs };
  });
  const choose = (value) => {
    for (const { figures, inputs } of groups) {
      if (!inputs.some((input) => input.value === value)) continue;
      inputs.forEach((input, index) => {
        input.checked = input.value === value;
        figures[index].classList.toggle("not-chosen", !input.checked);
      });
    }
  };
  for (const { inputs } of groups) choose(inputs[0].value);
  // A link to a figure that is not shown shows it.
  const follow = () => {
    const figure = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (figure && figure.dataset.choice) {
      choose(figure.dataset.choice);
      figure.scrollIntoView();
    }
  };
  window.addEventListener("hashchange", follow);
  follow();
}

function addDrawingDownloads() {
  for (const figure of document.querySelectorAll("figure")) {
    const image = figure.querySelector(".plot img");
    const name = figure.querySelector("h3").textContent;
    const link = element("a", { href: image.src, download: figure.id + ".svg" }, "Drawing as SVG");
    link.append(element("span", { className: "hidden" }, " of " + name));
    figure.querySelector(".download").append(" ", link);
  }
}
