"""What comes from PyPI and npm: fetched once into `target/vectors`; where it cannot be had, the test is skipped and says why."""

import shutil
import subprocess
import sys
import unittest

from house import ROOT

PLACE = ROOT / "target/vectors"


def fetch(name, packages, commands):
    """Runs these commands unless the same packages are there already; gives the directory."""
    directory = PLACE / name
    ready, wanted = directory / "ready", " ".join(packages)
    if not ready.exists() or ready.read_text() != wanted:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        for command in commands:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=directory, check=False)
            if done.returncode != 0:
                raise unittest.SkipTest(f"{name} cannot be had: {done.stdout.decode(errors='replace')[-300:]}")
        ready.write_text(wanted)
    return directory


def python_with(name, packages):
    """The Python of a virtual environment that has these packages from PyPI."""
    python = PLACE / name / "bin/python"
    fetch(name, packages, [
        [sys.executable, "-m", "venv", "--clear", "."],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
    ])
    return python


def node_with(name, packages, oldest):
    """A directory in which a Node of at least this version finds these packages from npm. None of their scripts runs."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise unittest.SkipTest(f"{name} needs Node and npm")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < oldest:
        raise unittest.SkipTest(f"{name} needs Node {oldest}, this is {version}")
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", "."]
    return fetch(name, packages, [["npm", "install", *options, *packages]])
