"""What the source promises of itself and no linter knows."""

import ast
import importlib
import pkgutil
import re
import subprocess
from pathlib import Path

import pytest

import services
from services.errors import AppError
from services.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = (
    "app.py",
    "wsgi.py",
    "gunicorn.conf.py",
    "bench",
    "callbacks",
    "commands",
    "pages",
    "ratelimit",
    "routes",
    "services",
)
# Spelled in two parts, or this file would find itself.
UNFINISHED = re.compile("TO" + r"DO\b|FIX" + r"ME\b|XX" + r"X\b")
OWN_TIME_FORMAT = re.compile(r":%[A-Za-z]|\.strftime\(|\.isoformat\(")
IGNORED_TYPE = re.compile(r"# type: ignore(?!\[[a-z-, ]+\]  ?# \S)")


def product_files() -> list[Path]:
    found: list[Path] = []
    for name in PRODUCT:
        path = ROOT / name
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return found


def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_every_error_for_people_has_a_status_that_tells_of_an_error() -> None:
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds, seen = [AppError], set()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        seen.add(kind)
    assert len(seen) >= 8
    assert {kind.__name__ for kind in seen if not 400 <= kind.status <= 599} == set()


def test_every_setting_is_in_the_readme() -> None:
    readme = source(ROOT / "README.md")
    names = {str(field.validation_alias) for field in Settings.model_fields.values()}
    assert len(names) > 20
    assert sorted(name for name in names if f"`{name}`" not in readme) == []


def test_every_module_opens_with_a_sentence() -> None:
    silent = [
        path for path in product_files() if source(path).strip() and not ast.get_docstring(ast.parse(source(path)))
    ]
    assert silent == []


def test_nothing_is_left_for_later() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    texts = [
        ROOT / name for name in listed if Path(name).suffix in (".py", ".sql", ".js", ".css", ".md", ".html", ".toml")
    ]
    files = [path for path in texts if path.exists()] or product_files()
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        if path != Path(__file__).resolve()
        for number, line in enumerate(source(path).splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_every_type_that_is_ignored_has_a_reason_beside_it() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in product_files()
        for number, line in enumerate(source(path).splitlines(), 1)
        if IGNORED_TYPE.search(line)
    ]
    assert found == []


def test_pages_show_times_in_one_way() -> None:
    """Whoever writes one by itself forgets whose clock it goes by."""
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in [*(ROOT / "pages").rglob("*.py"), *(ROOT / "callbacks").rglob("*.py")]
        if path != ROOT / "pages" / "parts" / "times.py"
        for number, line in enumerate(source(path).splitlines(), 1)
        if OWN_TIME_FORMAT.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("path", sorted((ROOT / "callbacks").glob("*.py")), ids=lambda path: path.stem)
def test_callbacks_are_wired_at_the_foot_of_their_module_and_keep_nothing(path: Path) -> None:
    """A decorator would put them into a list that the first app of a process empties."""
    tree = ast.parse(source(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert not [d for d in node.decorator_list if "callback" in ast.unparse(d)], f"{path}:{node.lineno}"
        assert not isinstance(node, ast.Global), f"{path}:{node.lineno} keeps something in the module"
    held = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and is_mutable(node.value)]
    assert [f"{path}:{node.lineno}" for node in held if not named_as_constant(node)] == []


def is_mutable(value: ast.expr | None) -> bool:
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def named_as_constant(node: ast.Assign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return all(isinstance(target, ast.Name) and target.id.isupper() for target in targets)


def test_pages_are_registered_by_pages_only_and_imported_by_nobody() -> None:
    registering = {path for path in product_files() if "register_page(" in source(path)}
    assert {path.parent for path in registering} == {ROOT / "pages"}
    names = {f"pages.{path.stem}" for path in registering}
    importing = re.compile(r"^(?:from|import) (pages\.\w+)", re.MULTILINE)
    found = {
        (str(path.relative_to(ROOT)), name)
        for path in product_files()
        for name in importing.findall(source(path))
        if name in names
    }
    assert found == set()
