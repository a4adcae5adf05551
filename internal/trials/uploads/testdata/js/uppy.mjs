// Uploads files by Uppy and prints what happens, a JSON object a line:
//
//	node uppy.mjs ENDPOINT FILE…
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import Uppy from "@uppy/core";
import Tus from "@uppy/tus";

const [endpoint, ...paths] = process.argv.slice(2);
const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const uppy = new Uppy({ autoProceed: false });
uppy.use(Tus, {
  endpoint,
  chunkSize: 256 * 1024,
  limit: 3,
  retryDelays: [0, 100, 300, 1000, 1000, 1000, 3000, 5000],
  onAfterResponse: (req, res) => tell({ method: req.getMethod(), status: res.getStatus(), offset: res.getHeader("Upload-Offset") ?? "" }),
});
for (const path of paths) {
  const data = readFileSync(path); // there are no Files here, so it is to look like one
  data.size = data.length;
  uppy.addFile({ name: basename(path), type: "image/jpeg", data });
}
const { successful, failed } = await uppy.upload();
for (const file of failed) tell({ error: String(file.error), name: file.name });
for (const file of successful) tell({ done: true, url: file.response.uploadURL, name: file.name });
process.exit(failed.length > 0 ? 1 : 0);
