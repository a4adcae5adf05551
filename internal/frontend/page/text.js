// Words: sizes, names and commands.

const endings = {
  "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif", "image/tiff": "tiff", "image/avif": "avif",
};

/** 1536000 → "1.5 MB" */
export function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  let n = bytes, i = 0;
  for (; n >= 999.5 && i < units.length - 1; i++) n /= 1000;
  return `${n < 10 && i > 0 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

/** holiday.jpeg, bgr, image/jpeg → "holiday-bgr.jpg" */
export function resultName(name, order, type) {
  const dot = name.lastIndexOf(".");
  const stem = dot > 0 ? name.slice(0, dot) : name || "photo";
  const ending = endings[type] ?? (dot > 0 ? name.slice(dot + 1) : "");
  return `${stem}-${order}${ending && "." + ending}`;
}

/** The word of a POSIX shell that means exactly this text. */
export function shell(text) {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The whole job, done with curl. */
export function commands({ name = "photo.jpg", order, id = "ID", result = resultName(name, order, "") }) {
  const at = location.origin;
  const pipeline = order === "bgr" ? "" : `?pipeline=swap:${order}`;
  const curl = "keyed" in document.documentElement.dataset ? 'curl -H "Authorization: Bearer $MINILAB_KEY"' : "curl";
  return [
    ["Hand it in; the answer has its ID.", `${curl} --data-binary ${shell("@" + name)} ${shell(`${at}/newImage${pipeline}`)}`],
    ["Ask whether it is ready, and wait for it.", `${curl} ${shell(`${at}/image/isReady?id=${id}&wait=20s`)}`],
    ["Pick it up.", `${curl} -o ${shell(result)} ${shell(`${at}/image/get?id=${id}`)}`],
  ];
}

/** Copies text; without https there is no clipboard API, but the old way. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), { value: text, className: "unseen" });
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  focused?.focus();
  if (!done) throw new Error("the browser does not let this page copy");
}
