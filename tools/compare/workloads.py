"""What is compared: each workload's model, batch, size and PyTorch's modes. No PyTorch in here."""
import dataclasses

PICTURES = ("eager", "channels_last", "compile", "channels_last+compile")
SEQUENCES = ("eager", "compile")


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str  # of `joist bench train --model`
    batch: int
    size: int  # side of the pictures, length of the sequences
    classes: int
    kind: str = "classify"  # or "detect", "sequence"
    steps: int = 8  # measured per run, after 3 that are not
    rate: float = 1e-4  # learning rate, see README.md

    @property
    def modes(self):
        return SEQUENCES if self.kind == "sequence" else PICTURES


WORKLOADS = {workload.name: workload for workload in (
    Workload("resnet18", 16, 224, 1000),
    Workload("resnet50", 8, 224, 1000, rate=1e-6),
    Workload("mobilenet_v2", 16, 224, 1000),
    Workload("efficientnet_b0", 8, 224, 1000),
    Workload("vit_tiny", 16, 224, 1000, rate=1e-3),
    Workload("yolo_n", 16, 320, 80, kind="detect", rate=2e-5),
    Workload("mnist_cnn", 64, 28, 10, steps=100, rate=0.01),
    Workload("lstm", 32, 128, 65, kind="sequence", rate=1e-3),
    Workload("gpt", 8, 256, 65, kind="sequence", rate=1e-3),
    Workload("gpt2", 1, 1024, 50304, kind="sequence", rate=1e-4),  # GPT-2 124M, its head not tied to the tokens
)}
# Those of the README's table and the geometric means, unless workloads are named.
USUAL = ("resnet18", "mobilenet_v2", "efficientnet_b0", "yolo_n", "mnist_cnn", "lstm", "gpt")


def optimizer_settings(workload):
    """(name, settings) as `joist bench train` has them."""
    if workload.kind == "sequence":
        return "AdamW", {"lr": workload.rate, "weight_decay": 0.01}
    if workload.kind == "detect":
        return "SGD", {"lr": workload.rate, "momentum": 0.937, "nesterov": True, "weight_decay": 5e-4}
    return "SGD", {"lr": workload.rate, "momentum": 0.9, "weight_decay": 1e-4}
