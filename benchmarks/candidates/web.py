"""Proxies that look at nothing: what passing the bytes on costs in C."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.candidates.candidate import Proxy, free_port, program, wait_until_listening
from benchmarks.processor import started

NGINX_CONFIG = """\
daemon off;
worker_processes 1;
{user}pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000;
  upstream provider {{ server {provider}; keepalive 512; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""

HAPROXY_CONFIG = """\
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-no-delay
frontend clients
  bind 127.0.0.1:{port} backlog 4096
  default_backend provider
backend provider
  http-reuse always
  server provider {provider}
"""


@contextmanager
def direct(provider: str, folder: Path, core: int | None) -> Iterator[Proxy]:
    yield Proxy(f"{provider}/v1", None)


@contextmanager
def nginx(provider: str, folder: Path, core: int | None) -> Iterator[Proxy]:
    port = free_port()
    # Only root's workers change their user, and then they may not use a folder of root's.
    user = f"user {pwd.getpwuid(0).pw_name};\n" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    there = provider.removeprefix("http://")
    config.write_text(NGINX_CONFIG.format(user=user, folder=folder, provider=there, port=port))
    log = folder / "error.log"
    command = [program("nginx") or "nginx", "-e", str(log), "-p", str(folder), "-c", str(config)]
    with started(command, core) as process:
        wait_until_listening(port, lambda: process.poll() is not None, log)
        yield Proxy(f"http://127.0.0.1:{port}/v1", process.pid)


@contextmanager
def haproxy(provider: str, folder: Path, core: int | None) -> Iterator[Proxy]:
    port = free_port()
    config, log = folder / "haproxy.cfg", folder / "error.log"
    config.write_text(HAPROXY_CONFIG.format(provider=provider.removeprefix("http://"), port=port))
    command = [program("haproxy") or "haproxy", "-db", "-q", "-f", str(config)]
    with log.open("w") as stderr, started(command, core, stderr=stderr) as process:
        wait_until_listening(port, lambda: process.poll() is not None, log)
        yield Proxy(f"http://127.0.0.1:{port}/v1", process.pid)
