from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import torch

from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.source import Wishes
from tests.frameworks.conftest import COLUMNS, Data, Shelf


def network(outputs: int, *, last: torch.nn.Module | None = None) -> torch.nn.Module:
    torch.manual_seed(0)
    layers = [torch.nn.BatchNorm1d(len(COLUMNS)), torch.nn.Linear(len(COLUMNS), 16), torch.nn.ReLU()]
    layers += [torch.nn.Dropout(0.5), torch.nn.Linear(16, outputs), *([last] if last else [])]
    return torch.nn.Sequential(*layers)


def trained(module: torch.nn.Module, data: Data) -> torch.nn.Module:
    module.train()
    with torch.no_grad():
        for _ in range(30):
            module(torch.from_numpy(data.train).float())
    return module.eval()


def test_classifier_in_memory(data: Data, shelf: Shelf) -> None:
    module = trained(network(3, last=torch.nn.Softmax(-1)), data)
    module.train()  # as it may come out of a training loop; publishing must not publish the dropout
    wishes = Wishes(("low", "middle", "high"))
    published = shelf.publish(module, "PyTorch classifier in memory", data.rows, wishes=wishes)
    assert published.metadata["framework"] == "pytorch"
    assert published.metadata["class_labels"] == ["low", "middle", "high"]
    expected = module.eval()(torch.from_numpy(data.held_out[:1]).float())[0]
    assert published.metadata["probe"]["probabilities"] == pytest.approx(expected.tolist(), rel=1e-5)


@pytest.mark.parametrize(("outputs", "labels"), [(3, (0, 1, 2)), (1, (False, True))])
def test_logits_become_probabilities(outputs: int, labels: Any, data: Data, shelf: Shelf) -> None:
    module = trained(network(outputs), data)
    wishes = Wishes(labels, logits=True)
    published = shelf.publish(module, f"PyTorch logits of {len(labels)} classes", data.rows, wishes=wishes)
    assert published.metadata["output_schema"] == {"probabilities": "probabilities"}
    logits = module(torch.from_numpy(data.held_out[:1]).float())
    expected = (
        torch.softmax(logits, -1)[0].tolist() if outputs > 1 else [1 - float(logits.sigmoid()), float(logits.sigmoid())]
    )
    assert published.metadata["probe"]["probabilities"] == pytest.approx(expected, rel=1e-5)


def test_regressor_in_double_precision(data: Data, shelf: Shelf) -> None:
    module = trained(network(1), data).double()
    published = shelf.publish(module, "PyTorch regressor, float64", data.rows)
    expected = float(module(torch.from_numpy(data.held_out[:1])))
    assert published.metadata["probe"]["prediction"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("form", ["traced", "scripted", "pickled", "exported"])
def test_files(form: str, data: Data, shelf: Shelf, tmp_path: Path) -> None:
    module = trained(network(1), data)
    rows = torch.from_numpy(data.train[:8]).float()
    file = tmp_path / ("model.pt2" if form == "exported" else "model.pt")
    if form == "exported":
        torch.export.save(torch.export.export(module, (rows,), dynamic_shapes=({0: torch.export.Dim("n")},)), file)
    elif form == "pickled":
        torch.save(module, file)
    else:
        torch.jit.save(torch.jit.trace(module, rows) if form == "traced" else torch.jit.script(module), file)
    published = shelf.publish(file, f"PyTorch regressor, {form}", data.rows)
    expected = float(module(torch.from_numpy(data.held_out[:1]).float()))
    assert published.metadata["probe"]["prediction"] == pytest.approx(expected, rel=1e-4)


def test_what_cannot_be_published_is_refused(data: Data, shelf: Shelf, tmp_path: Path) -> None:
    module = trained(network(3), data)
    with pytest.raises(NotConvertible, match="no probabilities: say `logits`"):
        shelf.publish(module, "logits", data.rows, wishes=Wishes((0, 1, 2)))
    with pytest.raises(NotConvertible, match="3 outputs, but 2 class labels"):
        shelf.publish(module, "labels", data.rows, wishes=Wishes((0, 1), logits=True))
    with pytest.raises(NotConvertible, match="age: the model takes numbers"):
        shelf.publish(module, "texts", [{**row, "age": "old"} for row in data.rows])
    with pytest.raises(NotConvertible, match=r"fails on a matrix of \(1000, 1\)"):
        shelf.publish(module, "columns", [{"age": row["age"]} for row in data.rows])
    state = tmp_path / "state.pt"
    torch.save(module.state_dict(), state)
    with pytest.raises(NotConvertible, match="a state dictionary"):
        shelf.publish(state, "state", data.rows)
    broken = tmp_path / "broken.pt"
    broken.write_text("no model")
    with pytest.raises(NotConvertible, match="cannot be read by PyTorch"):
        shelf.publish(broken, "broken", data.rows)
