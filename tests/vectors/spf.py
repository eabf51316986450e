"""Fetches the public SPF test suite (RFC 7208) and turns it from YAML into JSON.

    python3 tests/vectors/spf.py DIRECTORY

The suite is part of the source package of pyspf. It is kept in DIRECTORY, which is `target/vectors` in `./test`, with
a virtual environment for the YAML reader. Status 3 means that the packages cannot be had.
"""

import hashlib
import json
import pathlib
import subprocess
import sys
import tarfile

PACKAGE = "pyspf"
VERSION = "2.0.14"
SHA256 = "57a7ef01bda090173aafb6af0106251686ed73f03db4e911fcd34c57fc347186"
READER = "PyYAML==6.0.3"
# The suite of the obsolete standard has some cases more.
SUITES = ("rfc7208-tests.yml", "rfc4408-tests.yml")


def run(*command):
    """Runs a command; without it there is nothing to test."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        sys.stdout.buffer.write(done.stdout)
        print(f"cannot be had: {' '.join(str(word) for word in command)}")
        sys.exit(3)


def environment(directory):
    """The Python of a virtual environment that has the YAML reader."""
    python = directory / "venv" / "bin" / "python"
    if not (directory / "venv" / "ready").exists():
        run(sys.executable, "-m", "venv", "--clear", directory / "venv")
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", READER)
        (directory / "venv" / "ready").touch()
    return python


def source(python, directory):
    """The suites' text out of the source package, whose hash must be the known one."""
    archive = directory / f"{PACKAGE}-{VERSION}.tar.gz"
    if not archive.exists():
        run(python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--no-binary", ":all:", "--dest", directory, f"{PACKAGE}=={VERSION}")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{archive} is not the package that is expected; remove it")
    with tarfile.open(archive) as members:
        return b"\n---\n".join(members.extractfile(f"{PACKAGE}-{VERSION}/test/{suite}").read() for suite in SUITES)


def convert():
    """YAML documents on standard input, one JSON list on standard output; bytes of records as code points."""
    import yaml  # pylint: disable=import-outside-toplevel; only the virtual environment has it
    json.dump([document for document in yaml.safe_load_all(sys.stdin.buffer) if document], sys.stdout, default=str)


def main():
    if sys.argv[1:] == ["--convert"]:
        return convert()
    directory = pathlib.Path(sys.argv[1])
    target = directory / "spf.json"
    if target.exists():
        return None
    directory.mkdir(parents=True, exist_ok=True)
    python = environment(directory)
    done = subprocess.run([python, __file__, "--convert"], input=source(python, directory), stdout=subprocess.PIPE, check=True)
    unfinished = target.with_suffix(".unfinished")
    unfinished.write_bytes(done.stdout)
    unfinished.rename(target)
    return None


if __name__ == "__main__":
    main()
