# SPDX-License-Identifier: BSD-3-Clause
"""Key files, and the sections of a tenant's file that name them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from api.config import SaConfig
from api.security import Sa, SaPair

#: Our names of the suites in api.security.
_NAMES = {"aes-128-gcm": "aes128gcm16", "aes-256-gcm": "aes256gcm16",
          "chacha20-poly1305": "chacha20poly1305", "aes-128-cbc-hmac-sha256": "aes128-sha256",
          "aes-256-cbc-hmac-sha256": "aes256-sha256"}


class KeyFolder:
    """A folder of our own for keys and for the state file; gone when closed."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="sallyport-keys-"))

    @property
    def settings(self) -> dict[str, Path | str]:
        """Keys of the main file: sequence numbers are kept here, and were never used before."""
        return {"ipsec.state_file": self.path / "sequence-numbers", "ipsec.new_state_file": "on"}

    def sections(self, pair: SaPair, remote_vtep: str, inline: bool = False) -> list[SaConfig]:
        """Both SAs, `pair` as seen from our end; their keys are written, or in the sections."""
        return [self.section(direction, sa, remote_vtep, inline)
                for direction, sa in (("out", pair.out), ("in", pair.into))]

    def section(self, direction: str, sa: Sa, remote_vtep: str, inline: bool = False) -> SaConfig:
        """One SA of ours."""
        digits = (sa.key + sa.auth_key).hex()
        section = SaConfig(
            f"{direction}-{sa.spi:x}", direction, remote_vtep, sa.spi, _NAMES[sa.cipher.name],
            tunnel=sa.tunnel, esn=sa.esn, window=sa.window, udp=sa.udp)
        if inline:
            section.key = digits
        else:
            section.key_file = self.path / f"{sa.spi:x}.key"
            section.key_file.touch(0o600)
            section.key_file.write_text(digits)
        return section

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self) -> KeyFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
