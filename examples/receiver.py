#!/usr/bin/env python3
"""A receiver of minilab's webhooks in Python's standard library: it prints each message once. docs/webhooks.md says how to run it."""
import base64, collections, hashlib, hmac, http.server, json, os, sys, time

SECRETS = os.environ["WEBHOOK_SECRET"].split()  # whsec_…, several while one is rotated
ADDRESS = (os.environ.get("WEBHOOK_HOST", "127.0.0.1"), int(os.environ.get("WEBHOOK_PORT", "9000")))
TOLERANCE = 5 * 60  # seconds that a message may be old: who records one cannot send it again later
LONGEST = 1 << 20  # bytes of a message
seen = collections.OrderedDict()  # IDs; a receiver that restarts would keep them with what it does


def signed(secret, message, timestamp, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def verified(headers, body):
    message, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message or not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(signed(s, message, timestamp, body).encode(), g.encode()) for s in SECRETS for g in given)


class Receiver(http.server.BaseHTTPRequestHandler):
    timeout = 30

    def do_POST(self):
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > LONGEST:
            return self.send_error(413)
        body = self.rfile.read(int(length))
        if not verified(self.headers, body):
            return self.send_error(400, "not signed by minilab")
        message = self.headers["webhook-id"]
        if message not in seen:  # it may come more than once
            print(json.dumps(json.loads(body)), flush=True)
            seen[message] = True
            if len(seen) > 10_000:
                seen.popitem(last=False)
        self.send_response(204)  # only now: what is not taken comes again
        self.end_headers()

    def log_message(self, *args): pass


server = http.server.ThreadingHTTPServer(ADDRESS, Receiver)
print(f"listening on http://{ADDRESS[0]}:{server.server_port}/", file=sys.stderr, flush=True)
server.serve_forever()
