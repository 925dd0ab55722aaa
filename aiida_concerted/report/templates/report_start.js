
// Put everything in place; what cannot be drawn leaves its drawing.

const WIDGETS = { raster: addRaster, density: addDensity, event: addEvent };

for (const box of document.querySelectorAll(".widget")) {
  WIDGETS[box.dataset.kind](box, dataOf(box));
  box.classList.add("alive");
  if (box.dataset.replaces) box.parentElement.classList.add("replaced");
}
for (const plot of document.querySelectorAll(".plot")) addHover(plot);
addDrawingDownloads();
addChoices();
