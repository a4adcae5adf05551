// Who looks at the page: where the lab has keys, a person signs in with one.

import { identity, signIn, signOut, unknown } from "./lab.js";
import { announce } from "./job.js";

const find = (id) => document.getElementById(id);
const form = find("sign-in-form");
const key = find("key");

/** Asks who this is, and goes on from there; changed is called when that does. */
export async function begin(changed) {
  addEventListener(unknown, () => show(null, changed));
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    enter(changed);
  });
  find("sign-out").addEventListener("click", () => leave(changed));
  try {
    show(await identity(), changed);
  } catch {
    // Either it is known by now that a key is needed, or nothing is: then the
    // first photo will tell.
  }
}

/** Shows the counter to who is known, and the form to who is not. */
function show(who, changed) {
  const root = document.documentElement;
  if (who?.owner && !who.key) delete root.dataset.keyed;
  else root.dataset.keyed = "";
  find("owner").textContent = who?.owner ?? "";
  find("who").hidden = !who?.key;
  find("tagline").hidden = Boolean(who?.key);
  find("counter").hidden = !who;
  find("sign-in").hidden = Boolean(who);
  changed();
}

async function enter(changed) {
  const button = form.querySelector("button");
  const problem = find("key-problem");
  problem.textContent = "";
  button.disabled = true;
  try {
    show(await signIn(key.value.trim()), changed);
    key.value = "";
    find("files").focus(); // what had the focus is gone
    announce(`Signed in as ${find("owner").textContent}`);
  } catch (err) {
    problem.textContent = err.status === 401 ? "This key is not good here. Is all of it there?" : err.message;
    key.select();
  } finally {
    button.disabled = false;
  }
}

async function leave(changed) {
  try {
    await signOut();
  } catch (err) {
    if (err.status !== 401) return announce(`Not signed out: ${err.message}`);
  }
  show(null, changed);
  key.focus();
  announce("Signed out");
}
