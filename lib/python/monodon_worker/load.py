"""Loading an app from `MODULE[:NAME[(ARGUMENTS)]]`, as Gunicorn names apps."""

import ast
import importlib
import inspect
import os
import platform
import sys

from .errors import ERRORS
from .log import format_load_error, summary

_DEFAULT_NAMES = ("application", "app")


class CannotLoad(Exception):
    """The app cannot be loaded; the text says why, for people, in full."""

    #: One line of it, its stable code and what to do, and what was raised while it was loaded.
    what = code = hint = ""
    raised = None


class _Spec:
    """What `module:name(arguments)` says."""

    def __init__(self, text):
        module, colon, name = text.partition(":")
        self.text = text
        self.module = module
        #: Attributes to follow, or None for the default names.
        self.path = None
        #: Arguments of a factory, or None where nothing is called.
        self.args = None
        self.kwargs = {}
        if not module:
            raise _cannot("MONODON_APP_NOT_FOUND", f"{text!r} names no module")
        if colon and name:
            self._parse(name)

    def _parse(self, name):
        try:
            node = ast.parse(name, mode="eval").body
        except SyntaxError:
            raise self._refuse(f"{name!r} is neither a name nor a call") from None
        if isinstance(node, ast.Call):
            try:
                self.args = [ast.literal_eval(arg) for arg in node.args]
                self.kwargs = {arg.arg: ast.literal_eval(arg.value) for arg in node.keywords}
            except ValueError:
                raise self._refuse(f"the arguments in {name!r} are not all literals") from None
            if None in self.kwargs:
                raise self._refuse(f"the arguments in {name!r} are not all literals")
            node = node.func
        path = []
        while isinstance(node, ast.Attribute):
            path.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            raise self._refuse(f"{name!r} is neither a name nor a call")
        self.path = [node.id, *path]

    def _refuse(self, why):
        return _cannot("MONODON_APP_NOT_FOUND", f"in {self.text}, {why}")


def load_app(text):
    """Loads an app; gives it and, for people, what it is. Raises CannotLoad.

    A module is dotted, or a path that ends in `.py`. Without a name `application` is taken, then
    `app`. A call has literals as arguments.
    """
    spec = _Spec(text)
    module = _import(spec)
    name, app = _look_up(module, spec)
    if spec.args is not None:
        name = text.partition(":")[2]
        app = _call(app, name, spec)
    if not callable(app):
        if spec.args is None:
            raise _cannot(
                "MONODON_APP_UNKNOWN",
                f"{name!r} of {_file_of(module)} is {_kind(app)}, which cannot be called",
                spec,
            )
        raise _cannot(
            "MONODON_APP_UNKNOWN", f"{name} gives {_kind(app)}, which cannot be called", spec
        )
    if _is_async(app):
        raise _cannot(
            "MONODON_APP_UNKNOWN",
            f"{name!r} of {_file_of(module)} is {_kind(app)}, an asynchronous (ASGI) app; "
            "the Python worker serves WSGI",
            spec,
        )
    if not _takes_two(app):
        is_called = spec.args is not None
        factory = "" if is_called else f"; for a factory, name the call: {spec.module}:{name}()"
        raise _cannot(
            "MONODON_APP_UNKNOWN",
            f"{name!r} of {_file_of(module)} is {_kind(app)}, which cannot be called "
            f"with two arguments{factory}",
            spec,
        )
    return app, f"{name} of {_file_of(module)} is {_kind(app)}; {_interpreter()}"


def _import(spec):
    name = _module_name(spec)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if (name == missing or name.startswith(f"{missing}.")) and not _has_app_frames(error):
            raise _module_missing(spec, name, missing) from None
        raise _dependency_missing(spec, error) from None
    except SyntaxError as error:
        raise _cannot("MONODON_APP_SYNTAX", summary(error), spec, error) from None
    except BaseException as error:
        raise _cannot("MONODON_APP_NOT_LOADED", summary(error), spec, error) from None


def _module_name(spec):
    """The dotted name of the module. The folder of one that is given as a path goes on the path."""
    text = spec.module
    if not text.endswith(".py") and os.sep not in text:
        return text
    file = os.path.abspath(text if text.endswith(".py") else f"{text}.py")
    if not os.path.isfile(file):
        raise _cannot("MONODON_APP_NOT_FOUND", f"there is no file {file}", spec)
    folder, base = os.path.split(file)
    parts = [base[: -len(".py")]]
    # Within a package the module has to know its package.
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        parts.insert(0, package)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return ".".join(parts)


def _look_up(module, spec):
    """The attribute that the spec names, and what to call it."""
    if spec.path is None:
        for name in _DEFAULT_NAMES:
            if hasattr(module, name):
                return name, getattr(module, name)
        names = " or ".join(repr(name) for name in _DEFAULT_NAMES)
        raise _cannot(
            "MONODON_APP_NOT_FOUND",
            f"{_file_of(module)} has no {names}{_inventory(module)}",
            spec,
        )
    value = module
    for at, name in enumerate(spec.path):
        try:
            value = getattr(value, name)
        except AttributeError:
            owner = _file_of(module) if at == 0 else repr(".".join(spec.path[:at]))
            detail = f"{owner} has no {name!r}{_did_you_mean(name, dir(value))}"
            more = _inventory(module) if at == 0 else ""
            raise _cannot("MONODON_APP_NOT_FOUND", detail + more, spec) from None
        except BaseException as error:
            raise _cannot("MONODON_APP_NOT_LOADED", summary(error), spec, error) from None
    return ".".join(spec.path), value


def _call(factory, name, spec):
    if not callable(factory):
        raise _cannot(
            "MONODON_APP_NOT_FOUND",
            f"in {spec.text}, {'.'.join(spec.path)!r} is {_kind(factory)}, which cannot be called",
            spec,
        )
    try:
        return factory(*spec.args, **spec.kwargs)
    except BaseException as error:
        raise _cannot("MONODON_APP_NOT_LOADED", f"{name}: {summary(error)}", spec, error) from None


# -- what is said when it fails


def _cannot(code, detail, spec=None, error=None, hint=None):
    what, usual = ERRORS[code][:2]
    lines = [f"{what}: {detail} ({code}; to do: {hint or usual})"]
    if spec is not None:
        lines.append(f"    looked for: {spec.text}")
        lines.append(f"    in: {', '.join(_folders())}")
    lines.append(f"    interpreter: {_interpreter()}")
    if error is not None:
        lines.append(format_load_error(error))
    failure = CannotLoad("\n".join(lines))
    failure.what, failure.code, failure.hint = f"{what}: {detail}", code, hint or usual
    failure.raised = error
    return failure


def _module_missing(spec, name, missing):
    if os.path.isfile(spec.module):
        detail = f"{spec.module} is a file, but none of Python: its name does not end with .py"
    else:
        place = "" if name == missing else f" of {name!r}"
        known = _modules_nearby() if "." not in missing else []
        detail = f"there is no module {missing!r}{place}{_did_you_mean(missing, known)}"
    return _cannot("MONODON_APP_NOT_FOUND", detail, spec)


def _dependency_missing(spec, error):
    where = f"the virtual environment {sys.prefix}" if _in_venv() else sys.executable
    missing = (error.name or "").partition(".")[0]
    return _cannot(
        "MONODON_APP_NOT_LOADED",
        f"{spec.module} imports {error.name!r}, which is not installed in {where}",
        spec,
        error,
        f"install {missing} there, or choose the interpreter that has it "
        "(activate its virtual environment, or --python)",
    )


def _has_app_frames(error):
    """Whether an import failed inside of a module of the app, not for want of that module."""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file != __file__ and "importlib" not in file:
            return True
        trace = trace.tb_next
    return False


def _folders():
    """The folders that were put on the path for the app, the current one among them."""
    here = os.getcwd()
    return sys.path[: sys.path.index(here) + 1] if here in sys.path else [here]


def _modules_nearby():
    names = []
    for folder in _folders():
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        names += [entry.name for entry in entries if entry.is_dir()]
        names += [entry.name[:-3] for entry in entries if entry.name.endswith(".py")]
    return names


def _did_you_mean(name, known):
    import difflib  # Only needed to explain a failure.

    close = difflib.get_close_matches(name, set(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _inventory(module):
    names = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value) and not inspect.isclass(value)
    ]
    return f"; it has: {', '.join(names[:8])}" if names else ""


def _interpreter():
    within = f", virtual environment {sys.prefix}" if _in_venv() else ""
    return (
        f"{sys.executable} ({platform.python_implementation()} {platform.python_version()}{within})"
    )


def _in_venv():
    return sys.prefix != sys.base_prefix


def _file_of(module):
    file = getattr(module, "__file__", None)
    if file is None:
        return module.__name__
    relative = os.path.relpath(file)
    return file if relative.startswith("..") else relative


def _kind(value):
    if inspect.isfunction(value) or inspect.ismethod(value):
        return f"the function {value.__name__}"
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    if value is None or isinstance(value, (str, int, float, bool)):
        return repr(value)
    kind = type(value)
    return (
        f"a {kind.__module__}.{kind.__name__}"
        if kind.__module__ != "builtins"
        else f"a {kind.__name__}"
    )


def _takes_two(app):
    """Whether an app takes what WSGI gives it; True where its parameters cannot be told."""
    try:
        # Of a decorated one the wrapper counts, which need not have the parameters of what it wraps.
        signature = inspect.signature(app, follow_wrapped=False)
    except Exception:
        return True
    try:
        signature.bind(None, None)
    except TypeError:
        return False
    return True


def _is_async(app):
    call = getattr(type(app), "__call__", None)
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(call)
