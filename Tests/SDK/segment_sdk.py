"""Sends events with the SDK of Segment or RudderStack through a proxy that notes which batches were answered 200.

  segment_sdk.py MODULE SERVER WRITE_KEY EVENTS NOTES

The proxy loses some answers on the way back, so that the SDK sends what is in the log already once more. The ids of events whose
batch was answered 200 are written to NOTES, one per line.
"""

import http.client
import http.server
import importlib
import json
import sys
import threading
import time
import urllib.parse
import zlib

module, server, write_key, count, notes = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
target = urllib.parse.urlparse(server)
lock = threading.Lock()
answered = 0
problems = []


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global answered
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            upstream = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
            upstream.request("POST", self.path, body, {k: v for k, v in self.headers.items() if k.lower() != "host"})
            answer = upstream.getresponse()
            text = answer.read()
            status, kind = answer.status, answer.getheader("Content-Type", "")
        except (OSError, http.client.HTTPException):
            status, text, kind = 503, b"{}", "application/json"
        loses = False
        if status == 200:
            plain = zlib.decompress(body, 31) if self.headers.get("Content-Encoding") == "gzip" else body
            with lock:
                answered += 1
                loses = answered % 5 == 0
                if text != b'{"success":true}':
                    problems.append(f"200 with {text!r}")
                with open(notes, "a") as file:
                    file.writelines(event["messageId"] + "\n" for event in json.loads(plain)["batch"])
        elif status not in (429, 503):
            problems.append(f"status {status}: {text!r}")
        if loses:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
threading.Thread(target=proxy.serve_forever, daemon=True).start()
client = importlib.import_module(module + ".client").Client(
    write_key, host=f"http://127.0.0.1:{proxy.server_port}", gzip=True, upload_size=50, upload_interval=0.1,
    max_queue_size=count + 1)
for number in range(count):
    user = f"user-{number % 97}"
    kind = number % 5
    if kind == 0:
        client.identify(user, {"plan": None, "name": "Zoë"})
    elif kind == 1:
        client.page(user, "shop", f"page {number % 7}", {"path": f"/{number % 7}"})
    elif kind == 2:
        client.track(None, "Product Viewed", {"amount": 1.5, "nothing": None}, anonymous_id=f"anonymous-{number % 89}")
    elif kind == 3:
        client.alias(f"anonymous-{number % 89}", user)
    else:
        client.track(user, "Order Completed", {"amount": number}, context={"os": {"name": "Linux"}})
    if number % 50 == 49:
        time.sleep(0.05)
client.shutdown()
if problems:
    sys.exit("; ".join(problems[:5]))
