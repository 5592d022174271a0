"""The commit of a result is that of our own repository, and of no other that a copy of the package lies in."""

import subprocess

import pytest

from analysis.model.boundary.provenance import commit_of, package_commit
from analysis.model.boundary.provenance import provenance as of_simulate
from realrun.engine.record import provenance as of_realrun


@pytest.fixture
def repository(tmp_path):
    """A folder in a repository, with a package in it."""

    def git(*arguments):
        who = ("-c", "user.name=n", "-c", "user.email=n@example.org")
        done = subprocess.run(["git", "-C", tmp_path, *who, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    (tmp_path / "analysis").mkdir()
    (tmp_path / "analysis" / "code.py").write_text("1\n")
    (tmp_path / "other").write_text("1\n")
    git("init", "-q")
    return tmp_path, git


def test_head_of_the_own_repository_with_a_mark_where_files_differ(repository):
    root, git = repository
    file = root / "analysis" / "code.py"
    git("add", ".")
    git("commit", "-qm", "one")
    head = git("rev-parse", "HEAD")
    assert commit_of(root, file) == head[:12]
    (root / "other").write_text("2\n")
    assert commit_of(root, file) == head[:12], "other files than the packages' decide nothing"
    git("commit", "-qam", "two")
    assert commit_of(root, file) == git("rev-parse", "HEAD")[:12], "HEAD, whichever commit touched the package last"
    file.write_text("2\n")
    assert commit_of(root, file) == git("rev-parse", "HEAD")[:12] + "+"


def test_none_of_an_installed_copy_in_a_foreign_repository(repository, monkeypatch):
    root, git = repository
    git("add", "other")
    git("commit", "-qm", "theirs")
    assert commit_of(root, root / "analysis" / "code.py") is None
    monkeypatch.setenv("GIT_DIR", str(root / ".git"))
    assert commit_of(root.parent, root.parent / "code.py") is None


def test_simulation_and_real_runs_record_the_same_commit():
    assert of_realrun()["commit"] == package_commit()
    assert of_simulate().commit == (package_commit() or "")
