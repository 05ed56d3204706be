"""Packaging of As Worn. The runtime is light; training and the heavier backends are extras."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "matcher/__init__.py").read_text(encoding="utf-8")).group(1)

RUNTIME = [
    "numpy>=1.26",
    "scipy>=1.11",
    "opencv-python-headless>=4.9",
    "av>=15",
    "onnxruntime>=1.18",
    "faiss-cpu>=1.8",
    "pycocotools>=2.0.8",
    "pillow>=10.1",
    "jinja2>=3.1",
    "defusedxml>=0.7.1",
    "httpx>=0.27",
    "httpcore>=1.0",
    "typer>=0.15",
    "rich>=13",
    "fastapi>=0.115",
    "uvicorn>=0.35",
    "websockets>=14",
    "segno>=1.6",
    "prometheus-client>=0.20",
]
TRAIN = [
    "torch>=2.4",
    "torchvision>=0.19",
    "onnx>=1.17",
    "onnxscript>=0.3",
    "pytorch-metric-learning>=2.6",
    "tensorboard>=2.17",
    "pyyaml>=6",
]
CLIP = ["torch>=2.4", "open_clip_torch>=2.30", "timm>=1.0.9"]
TORCH = ["torch>=2.4", "torchvision>=0.19"]  # the torch backend
MILVUS = ["pymilvus[milvus-lite]>=2.6"]
# Ray is no part of `dev`: its cluster starts in seconds on an idle machine, and in minutes, or not, on a busy one.
RAY = ["ray[data]>=2.49"]
REPORT = ["opentimelineio>=0.17", "otio-cmx3600-adapter>=1.0", "otio-fcp-adapter>=1.0", "pyarrow>=17"]
LIVE = ["simpleobsws>=1.4"]
BENCH = ["matplotlib>=3.8", "scenedetect-headless>=0.7"]
DEV = ["pytest>=8", "pytest-xdist>=3.6", "ruff>=0.8", "import-linter>=2.1", "playwright>=1.45", "irc>=20"]
DEV += ["axe-core-python>=0.1", "schemathesis>=4"]

setup(
    name="asworn",
    version=VERSION,
    description="Finds the shop listing for the clothes in any video, while it plays",
    long_description=(HERE / "README.md").read_text(encoding="utf-8") if (HERE / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["matcher*", "indexer*", "training*", "benchmarks*", "configs*"]),
    package_data={
        "matcher": [
            *("bundles/*/*", "sinks/*.html", "sinks/*.css", "sinks/*.js", "wardrobe/*.toml", "py.typed"),
            *("attributes/*.npz", "attributes/*.json", "trends/*.html", "trends/*.css"),
            *("web/static/*", "web/templates/*", "web/*/static/*", "web/*/templates/*"),
        ],
        "configs": ["*.toml", "taxonomies/*.toml"],
    },
    install_requires=RUNTIME,
    extras_require={
        "train": TRAIN,
        "torch": TORCH,
        "clip": CLIP,
        "report": REPORT,
        "live": LIVE,
        "bench": BENCH,
        "scale": RAY + MILVUS,
        "dev": DEV + REPORT + LIVE + TRAIN + CLIP + BENCH + MILVUS,
    },
    entry_points={
        "console_scripts": ["asworn=matcher.cli.main:main"],
        "asworn.commands": [
            "index=indexer.cli:index",
            "match-many=indexer.cli_films:match_many",
            "train=training.cli:train",
            "export=training.cli:export",
            "export-full=training.cli_full:export_full",
            "export-int8=training.cli_int8:export_int8",
            "convert=training.cli_convert:app",
            "eval=training.cli_eval:app",
            "data=training.cli_data:app",
            "demo=benchmarks.demo:demo",
            "bench=benchmarks.cli:bench",
        ],
    },
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Multimedia :: Video",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)
