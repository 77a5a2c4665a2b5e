"""A small identity provider on this machine: OpenID Connect with real signed tokens, a sign-in form, no password check.

Serves discovery, authorization (with PKCE), token and keys; who signs in is what the form sends. It notes whether the
app asked for the password again (prompt=login).
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT = "svp-lab"
FORM = """<!doctype html><title>Provider</title><h1>Provider</h1><form method="post" action="/authorize?{query}">
<input name="email"><input name="name"><input name="password" type="password"><button id="go">Sign in</button></form>"""


class Provider:
    """State of the provider: address, key, codes that were given out."""

    def __init__(self, port):
        self.issuer = f"http://127.0.0.1:{port}"
        self.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
        self.codes, self.prompts = {}, []

    def discovery(self):
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def give_code(self, query, person):
        """Address to go back to, with a code for this person."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = (query, person, time.time())
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def tokens(self, form):
        """Tokens for a code, or None where the code or its proof is wrong."""
        query, person, at = self.codes.pop(form.get("code"), ({}, {}, 0))
        proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if not query or proof.decode().rstrip("=") != query.get("code_challenge"):
            return None
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": person["email"],
            "email": person["email"],
            "email_verified": person.get("unverified") != "1",
            "name": person.get("name", ""),
            "nonce": query.get("nonce", ""),
            "iat": int(time.time()),
            "exp": int(time.time()) + 3600,
            "auth_time": int(at),
        }
        id_token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
        return {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "expires_in": 3600} | {
            "id_token": id_token
        }


@contextmanager
def running_provider():
    """The provider, answering until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.provider = Provider(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.provider
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        provider, address = self.server.provider, urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path == "/.well-known/openid-configuration":
            self.answer_json(provider.discovery())
        elif address.path == "/jwks":
            self.answer_json({"keys": [provider.key.as_dict(private=False)]})
        elif address.path == "/authorize" and query.get("client_id") == CLIENT:
            provider.prompts.append(query.get("prompt"))
            self.answer(200, FORM.format(query=address.query.replace("&", "&amp;")).encode(), "text/html")
        else:
            self.answer(404, b"", "text/plain")

    def do_POST(self):
        provider, address = self.server.provider, urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if address.path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            self.send_response(303)
            self.send_header("Location", provider.give_code(query, form))
            self.end_headers()
        elif address.path == "/token" and (tokens := provider.tokens(form)):
            self.answer_json(tokens)
        else:
            self.answer(400, json.dumps({"error": "invalid_grant"}).encode(), "application/json")

    def answer_json(self, content):
        self.answer(200, json.dumps(content).encode(), "application/json")

    def answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        """Say nothing on the terminal."""
