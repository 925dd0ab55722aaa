"""A machine to log in to: ``python -m tests.environment.ssh_server HOME`` serves bash and SFTP until it is killed.

It writes keys and ``HOME/.ssh/config`` with the host ``cluster``, and says ``ready``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncssh


async def _serve(home: Path) -> None:
    folder = home / ".ssh"
    folder.mkdir(mode=0o700)
    host, user = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    user.write_private_key(folder / "id")
    user.write_public_key(folder / "authorized")
    (folder / "id").chmod(0o600)
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[host], authorized_client_keys=str(folder / "authorized"),
        process_factory=_run, sftp_factory=True,
    )  # fmt: skip
    port = server.get_port()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host.export_public_key().decode()}")
    (folder / "config").write_text(
        f"Host cluster\n  HostName 127.0.0.1\n  Port {port}\n  User me\n  IdentityFile {folder / 'id'}\n"
        f"  UserKnownHostsFile {folder / 'known_hosts'}\n"
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.wait_closed()


async def _run(process: asyncssh.SSHServerProcess) -> None:
    shell = await asyncio.create_subprocess_exec(
        "/bin/bash", "-c", process.command or "",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await process.redirect(stdin=shell.stdin, stdout=shell.stdout, stderr=shell.stderr)
    status = await shell.wait()
    await process.stdout.drain()
    process.exit(status)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
