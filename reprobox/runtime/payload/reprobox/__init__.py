"""Where a run finds `reprobox.torch`; an installed reprobox keeps its other modules."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)


def __getattr__(name):
    # The rest of an installed reprobox, which this package hides.
    for place in __path__[1:]:
        import importlib.util

        spec = importlib.util.spec_from_file_location("reprobox", f"{place}/__init__.py")
        if spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return getattr(module, name)
    raise AttributeError(f"module 'reprobox' has no attribute {name!r}")
