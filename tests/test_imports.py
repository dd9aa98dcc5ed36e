"""One door between the halves: what a fresh process loads, and what the rooms may import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import face2mesh

ROOT = Path(face2mesh.__file__).parent
LABORATORY = ROOT / "lab"
STANDARD = set(sys.stdlib_module_names)
RUNTIME_LIBRARIES = {"numpy", "PIL", "onnxruntime", "pillow_heif", "face2mesh"}


def _loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print('\\n'.join(sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_public_names():
    assert face2mesh.__all__ == [
        "BaseHead",
        "Face",
        "Face2MeshError",
        "InputFileError",
        "Model",
        "ModelError",
        "OutputError",
        "PhotoError",
        "__version__",
        "load",
    ]
    for name in face2mesh.__all__:
        assert getattr(face2mesh, name) is not None
    assert set(dir(face2mesh)) == set(face2mesh.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        face2mesh.nonsense  # noqa: B018


def test_every_error_is_one_kind():
    for name in ("InputFileError", "ModelError", "OutputError", "PhotoError"):
        assert issubclass(getattr(face2mesh, name), face2mesh.Face2MeshError)


def test_import_loads_neither_torch_nor_the_laboratory():
    loaded = _loaded_by("import face2mesh")
    assert not {"torch", "scipy", "onnxruntime", "face2mesh.lab"} & loaded


def test_model_loads_neither_torch_nor_the_laboratory():
    loaded = _loaded_by("from face2mesh import Model, Face, load")
    assert not {"torch", "scipy", "face2mesh.lab"} & loaded


def test_command_line_loads_neither_torch_nor_the_laboratory():
    loaded = _loaded_by("import face2mesh.cli")
    assert not {"torch", "scipy", "face2mesh.lab"} & loaded


def _imports(nodes: list[ast.stmt], package: str) -> set[str]:
    """Full names of the modules that these statements import, those inside functions too."""
    names: set[str] = set()
    for node in (inner for statement in nodes for inner in ast.walk(statement)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{package}: a relative import hides the direction of the data"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _outside_functions(tree: ast.Module) -> list[ast.stmt]:
    """The statements that run when the module is imported: bodies of functions taken out."""

    class _WithoutBodies(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.Pass:
            return ast.copy_location(ast.Pass(), node)

    return _WithoutBodies().visit(tree).body


def _runtime_files() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if LABORATORY not in path.parents)


@pytest.mark.parametrize("path", _runtime_files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_runtime_imports(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    in_cli = path.relative_to(ROOT).parts[0] == "cli"
    # The command line may open the laboratory's door, but only when a laboratory command is called.
    names = _imports(_outside_functions(tree) if in_cli else tree.body, path.name)
    assert not [name for name in names if name.startswith("face2mesh.lab")]
    foreign = {name.split(".")[0] for name in names} - STANDARD - RUNTIME_LIBRARIES
    assert not foreign, f"the runtime may not import {foreign}"


ALLOWED = {
    "read": {"read"},
    "photo": {"photo"},
    "head": {"head"},
    "face": {"face", "head", "write", "photo"},
    "contact": {"contact", "head"},
    "model": {"model", "photo", "head", "face", "contact"},
    "write": {"write", "face", "head", "photo", "draw", "view"},
    "view": {"view"},
    "blender": {"blender", "write", "face", "head"},
    "draw": {"draw", "face", "head", "photo"},
    "texture": {"texture", "draw", "face", "head", "photo"},
}


@pytest.mark.parametrize("room", ALLOWED)
def test_rooms_follow_the_flow(room):
    for path in sorted((ROOT / room).rglob("*.py")):
        names = _imports(ast.parse(path.read_text(encoding="utf-8")).body, path.name)
        inner = {name.split(".")[1] for name in names if name.startswith("face2mesh.")}
        rooms = inner & (set(ALLOWED) | {"cli", "lab"})
        assert rooms <= ALLOWED[room], f"{path.name} of {room} imports {rooms - ALLOWED[room]}"
