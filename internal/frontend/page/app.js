// The page: takes photos from wherever they come and gives each a card.

import { Job, announce, writeCommands } from "./job.js";
import { begin } from "./session.js";
import { commands } from "./text.js";

const drop = document.getElementById("drop");
const files = document.getElementById("files");
const orders = document.getElementById("orders");
const jobs = document.getElementById("jobs");

const order = () => orders.querySelector("input:checked").value;

function take(list) {
  const photos = [...list];
  for (const photo of photos) {
    const job = new Job(photo, order());
    jobs.prepend(job.element);
    job.run();
  }
  if (photos.length > 1) announce(`${photos.length} photos`);
  jobs.firstElementChild?.scrollIntoView({ block: "nearest" });
}

files.addEventListener("change", () => {
  take(files.files);
  files.value = ""; // so that the same photo can be chosen again
});

// A photo may be dropped anywhere; the counter shows where it goes.
let depth = 0;
const carriesFiles = (e) => e.dataTransfer?.types.includes("Files");

function dragging(change) {
  depth = change === 0 ? 0 : Math.max(0, depth + change);
  drop.classList.toggle("over", depth > 0);
}

addEventListener("dragenter", (e) => carriesFiles(e) && dragging(1));
addEventListener("dragleave", (e) => carriesFiles(e) && dragging(-1));
addEventListener("dragover", (e) => {
  if (!carriesFiles(e)) return;
  e.preventDefault();
  e.dataTransfer.dropEffect = "copy";
});
addEventListener("drop", (e) => {
  dragging(0);
  if (!carriesFiles(e)) return;
  e.preventDefault();
  take(e.dataTransfer.files);
});

addEventListener("paste", (e) => {
  if (!e.clipboardData?.files.length) return;
  e.preventDefault();
  take(e.clipboardData.files);
});

function showCommands() {
  writeCommands(document.querySelector("#terminal .commands"), commands({ order: order() }));
}

orders.addEventListener("change", showCommands);
showCommands();
begin(showCommands);
