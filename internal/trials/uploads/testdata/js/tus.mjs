// Uploads a file by tus-js-client and prints what happens, a JSON object a line:
//
//	node tus.mjs ENDPOINT FILE NOTES [CUT]
//
// NOTES is where it keeps the URLs of uploads that have not ended. With CUT, a
// part of 1, it dies once so much has been sent, as a browser's tab does. The
// environment may have METADATA, in JSON.
import { createReadStream, statSync } from "node:fs";
import { FileUrlStorage, Upload, canStoreURLs } from "tus-js-client";

const [endpoint, path, notes, cut] = process.argv.slice(2);
const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const upload = new Upload(createReadStream(path), {
  endpoint,
  uploadSize: statSync(path).size,
  chunkSize: 512 * 1024,
  retryDelays: [0, 100, 300, 1000, 1000, 1000, 3000, 5000],
  metadata: { filename: "photo.jpg", filetype: "image/jpeg", ...JSON.parse(process.env.METADATA || "{}") },
  urlStorage: new FileUrlStorage(notes),
  fingerprint: async () => "trial " + path,
  storeFingerprintForResuming: true,
  onUploadUrlAvailable: () => tell({ url: upload.url }),
  onAfterResponse: (req, res) => tell({ method: req.getMethod(), status: res.getStatus(), offset: res.getHeader("Upload-Offset") ?? "", task: res.getHeader("Minilab-Task") ?? "" }),
  onProgress(sent, total) {
    if (cut && sent / total >= Number(cut)) process.exit(7);
  },
  onError(err) {
    tell({ error: String(err) });
    process.exit(1);
  },
  onSuccess: () => tell({ done: true, url: upload.url }),
});

const before = canStoreURLs ? await upload.findPreviousUploads() : [];
if (before.length > 0) upload.resumeFromPreviousUpload(before[0]);
upload.start();
