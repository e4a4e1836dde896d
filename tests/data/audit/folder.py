"""Changes to the small folder of twelve pairs, and what an audit of it says."""

from pathlib import Path

from maskwright.data.audit import Audit


def kinds(found: Audit) -> dict[str, int]:
    return {finding.kind: finding.count for finding in found.findings}


def manifest(folder: Path, rows: list[str], text: str = "") -> Path:
    """Describe the folder by these rows of ``number,split,group``."""
    listed = [f"images/{n}.png,masks/{n}.png,{s},{g}" for n, s, g in (r.split(",") for r in rows)]
    (folder / "m.csv").write_text("\n".join(["image,mask,split,group", *listed]))
    (folder / "dataset.toml").write_text(f'manifest = "m.csv"\n{text}')
    return folder


def copy(folder: Path, source: int, target: int) -> None:
    for kind in ("images", "masks"):
        (folder / kind / f"{target}.png").write_bytes(
            (folder / kind / f"{source}.png").read_bytes()
        )
