// One photo's card, from the moment it was dropped.

import { Problem, finished, result, resultURL, submit } from "./lab.js";
import { commands, copy, resultName, size } from "./text.js";

const { maxBytes, maxText } = document.documentElement.dataset;

/** What the badge says in each phase of a card. */
const words = {
  waiting: "waiting", sending: "sending", working: "in progress", busy: "lab is busy", fetching: "picking up", finished: "finished", failed: "failed",
};

/** Says something to those who do not see the page. */
export function announce(text) {
  document.getElementById("announce").textContent = text;
}

export class Job {
  #file;
  #order;
  #id = "";
  #stop = new AbortController();
  #urls = [];

  constructor(file, order) {
    this.#file = file;
    this.#order = order;
    this.element = document.getElementById("job-template").content.firstElementChild.cloneNode(true);
    this.#dress();
  }

  #find(selector) {
    return this.element.querySelector(selector);
  }

  #dress() {
    const name = this.#file.name || "photo";
    this.#find(".name").textContent = name;
    this.#find(".facts").textContent = `${size(this.#file.size)} · swap:${this.#order}`;
    this.#thumbnail();
    this.#button(".remove", `Remove ${name}`, () => this.remove());
    this.#button(".retry", `Try ${name} again`, () => this.#again());
    this.#button(".copy-id", "Copy the ticket", (e) => copied(e.currentTarget, this.#id));
    this.#find(".beside").addEventListener("click", (e) => this.#beside(e.currentTarget));
    this.#find(".slider").addEventListener("input", (e) => {
      this.#find(".compare").style.setProperty("--at", `${e.target.value}%`);
    });
    this.#show("waiting");
  }

  #button(selector, label, press) {
    const button = this.#find(selector);
    button.setAttribute("aria-label", label);
    button.title = label;
    button.addEventListener("click", press);
  }

  #thumbnail() {
    const thumb = this.#find(".thumb");
    thumb.addEventListener("load", () => { thumb.hidden = false; }, { once: true });
    thumb.src = this.#url(this.#file);
  }

  #url(blob) {
    const url = URL.createObjectURL(blob);
    this.#urls.push(url);
    return url;
  }

  /** Does the whole job; it never throws. */
  async run() {
    const signal = this.#stop.signal;
    const during = (phase) => ({ signal, onProgress: (part) => this.#show(phase, part), onBusy: () => this.#show("busy") });
    try {
      this.#check();
      if (!this.#id) {
        this.#show("sending", 0);
        this.#ticket(await submit(this.#file, `swap:${this.#order}`, during("sending")));
      }
      this.#show("working");
      await finished(this.#id, during("working"));
      this.#show("fetching");
      await this.#present(await result(this.#id, during("fetching")));
    } catch (err) {
      if (!signal.aborted) this.#fail(err);
    }
  }

  // What would certainly be refused is not sent first.
  #check() {
    if (this.#file.size === 0) throw new Problem({ title: "This file is empty" });
    if (this.#file.size > Number(maxBytes)) {
      throw new Problem({ title: "This photo is too large", detail: `It has ${size(this.#file.size)}; the lab takes up to ${maxText}.` });
    }
  }

  #show(phase, part = 0) {
    const bar = this.#find("progress");
    if (part > 0 && part < 1) bar.value = part;
    else bar.removeAttribute("value");
    bar.setAttribute("aria-label", `${this.#file.name}: ${words[phase]}`);
    this.#find(".working").hidden = phase === "finished" || phase === "failed";
    this.#find(".badge").textContent = phase === "sending" && part > 0 && part < 1 ? `sending ${Math.floor(part * 100)} %` : words[phase];
    if (this.element.dataset.phase === phase) return;
    this.element.dataset.phase = phase;
    if (phase !== "waiting" && phase !== "fetching") announce(`${this.#file.name}: ${words[phase]}`);
  }

  #ticket(id) {
    this.#id = id;
    this.#find(".id").textContent = id;
    this.#find(".ticket").hidden = false;
    this.#commands("");
  }

  #commands(type) {
    const name = this.#file.name || "photo";
    writeCommands(this.#find(".commands"), commands({ name, order: this.#order, id: this.#id, result: resultName(name, this.#order, type) }));
  }

  async #present(blob) {
    const download = this.#find(".download");
    const name = resultName(this.#file.name || "photo", this.#order, blob.type);
    download.href = resultURL(this.#id);
    download.download = name;
    download.setAttribute("aria-label", `Download ${name}`);
    this.#commands(blob.type);
    const [before, after] = await Promise.all([this.#load(".before img", this.#file), this.#load(".after img", blob)]);
    this.#find(".facts").textContent += ` · result ${size(blob.size)}`;
    this.#find(".result").hidden = false;
    this.#arrange(before, after, blob.type);
    this.#show("finished");
  }

  /** Loads an image into its place and says whether the browser can show it. */
  async #load(selector, blob) {
    const img = this.#find(selector);
    img.src = this.#url(blob);
    img.alt = `${this.#file.name}, ${selector.startsWith(".before") ? "before" : "after"}`;
    try {
      await img.decode();
      return img;
    } catch {
      return null;
    }
  }

  #arrange(before, after, type) {
    const compare = this.#find(".compare");
    compare.hidden = !after;
    this.#find(".beside").hidden = !after || !before;
    this.#find(".unshown").hidden = Boolean(after);
    if (!after) {
      const kind = type.replace("image/", "").toUpperCase() || "file";
      this.#find(".unshown-text").textContent = `Your ${kind} is ready. Browsers do not show ${kind}, so here it is to take along.`;
      return;
    }
    compare.style.setProperty("--ratio", after.naturalWidth / after.naturalHeight);
    compare.classList.toggle("alone", !before);
  }

  #beside(button) {
    const on = this.#find(".compare").classList.toggle("side");
    button.setAttribute("aria-pressed", on);
  }

  #fail(err) {
    const known = err instanceof Problem;
    if (!known) console.error(err);
    this.#find(".problem-title").textContent = known ? err.title : "Something went wrong on this page";
    this.#find(".problem-detail").textContent = known ? err.detail : String(err);
    this.#find(".problem").hidden = false;
    this.#show("failed");
    announce(`${this.#file.name}: ${known ? `${err.title}. ${err.detail}` : err}`);
    // Work that has failed is handed in afresh; what only could not be
    // watched or fetched is still there.
    if (!known || !err.status || err.status === 404) this.#id = "";
  }

  #again() {
    this.#find(".problem").hidden = true;
    this.#find(".name").focus(); // the button that had the focus is gone
    this.run();
  }

  /** Gives everything up and takes the card away. */
  remove() {
    this.#stop.abort(new Problem({ title: "removed" }));
    this.#urls.forEach((url) => URL.revokeObjectURL(url));
    const next = this.element.nextElementSibling ?? this.element.previousElementSibling;
    this.element.remove();
    (next?.querySelector(".name") ?? document.getElementById("files")).focus();
    announce(`${this.#file.name}: removed`);
  }
}

/** Fills a list of commands, each with its button. */
export function writeCommands(into, list) {
  const template = document.getElementById("command-template").content.firstElementChild;
  into.replaceChildren(...list.map(([text, line]) => {
    const command = template.cloneNode(true);
    command.querySelector(".command-text").textContent = text;
    command.querySelector("code").textContent = line;
    const button = command.querySelector(".copy");
    button.setAttribute("aria-label", `Copy the command: ${text}`);
    button.title = "Copy";
    button.addEventListener("click", () => copied(button, line));
    return command;
  }));
}

/** Copies, and shows on the button that it is done. */
async function copied(button, text) {
  try {
    await copy(text);
    announce("Copied");
    button.classList.add("done");
    button.addEventListener("blur", () => button.classList.remove("done"), { once: true });
  } catch (err) {
    announce(`Not copied: ${err.message}`);
  }
}
