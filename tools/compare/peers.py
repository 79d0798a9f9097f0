"""The workloads in PyTorch: models, batch, loss, optimizer, and how their parameters are called in joist."""
import os
import re

os.environ.setdefault("YOLO_OFFLINE", "true")  # Ultralytics asks the network for updates otherwise

import torch
import torch.nn as nn
import torch.nn.functional as F

from workloads import optimizer_settings

BOXES_PER_PICTURE = 8


class MissingPeer(Exception):
    """A package that the workload needs is not installed."""


class MnistCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(3136, 128), nn.Linear(128, 10)

    def forward(self, x):
        half = F.max_pool2d(F.relu(self.conv1(x)), 2)
        return self.fc2(F.relu(self.fc1(F.max_pool2d(F.relu(self.conv2(half)), 2).flatten(1))))


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.lstm = nn.Embedding(65, 256), nn.LSTM(256, 512, 2, batch_first=True)
        self.head = nn.Linear(512, 65)

    def forward(self, x):
        return self.head(self.lstm(self.tokens(x))[0])


class GptBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, _ = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(batch, length, -1)
        x = x + self.out(y)
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    def __init__(self, context, vocabulary=65, width=384, layers=6, heads=6):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList([GptBlock(width, heads) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary)

    def forward(self, x):
        h = self.tokens(x) + self.positions(torch.arange(x.shape[1], device=x.device))
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h))


def yolo():
    try:
        from ultralytics.cfg import get_cfg
        from ultralytics.nn.tasks import DetectionModel
    except ImportError as error:
        raise MissingPeer(f"Ultralytics is not installed ({error}): pip install -r tests/requirements-peers.txt")
    model = DetectionModel("yolov8n.yaml", verbose=False)
    model.args = get_cfg()
    return model


def model_of(workload):
    if workload.name == "yolo_n":
        return yolo()
    if workload.kind == "sequence":
        if workload.name == "gpt2":
            return Gpt(workload.size, workload.classes, width=768, layers=12, heads=12)
        return Lstm() if workload.name == "lstm" else Gpt(workload.size)
    if workload.name == "mnist_cnn":
        return MnistCnn()
    try:
        import torchvision
    except ImportError as error:
        raise MissingPeer(f"torchvision is not installed ({error}): pip install -r tests/requirements-torch.txt")
    if workload.name == "vit_tiny":
        return torchvision.models.VisionTransformer(workload.size, 16, 12, 3, 192, 768)
    return getattr(torchvision.models, workload.name)()


def without_drops(model):
    """Dropout and stochastic depth off: their random numbers are not joist's, and losses are compared."""
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd) or type(module).__name__ == "StochasticDepth":
            module.p = 0.0
    return model


def batch_of(workload):
    """The names are those of the file that `joist bench train --inputs` reads."""
    batch, size = workload.batch, workload.size
    if workload.kind == "sequence":
        tokens = torch.randint(0, workload.classes, (batch, size + 1))
        return {"inputs": tokens[:, :-1].contiguous(), "targets": tokens[:, 1:].contiguous()}
    if workload.kind == "classify":
        channels = 1 if workload.name == "mnist_cnn" else 3
        return {"inputs": torch.randn(batch, channels, size, size),
                "targets": torch.randint(0, workload.classes, (batch,))}
    # One box in each cell of a grid, its sides of 16 pixels and more: what Ultralytics and joist assign in different ways are
    # anchors that several objects claim, and smaller boxes, which they enlarge by different rules.
    cell, least = size / 3, 16.5
    number = torch.arange(BOXES_PER_PICTURE)
    corner = torch.stack([number % 3, number // 3], 1) * cell
    sides = torch.rand(batch, BOXES_PER_PICTURE, 2) * (cell - least) + least
    first = corner + torch.rand(batch, BOXES_PER_PICTURE, 2) * (cell - sides)
    return {"inputs": torch.rand(batch, 3, size, size),
            "targets": torch.randint(0, workload.classes, (batch, BOXES_PER_PICTURE)),
            "boxes": torch.cat([first, first + sides], 2)}


class Peer:
    """One workload from a fixed seed: the same weights and batch each time."""

    def __init__(self, workload, device="cpu"):
        torch.manual_seed(0)
        self.workload = workload
        self.device = device
        self.model = without_drops(model_of(workload)).train().to(device)
        self.batch = {name: tensor.to(device) for name, tensor in batch_of(workload).items()}

    def prepare(self, mode, bfloat16):
        """A function that trains one step and returns the loss."""
        model, batch = self.model, self.batch
        inputs = batch["inputs"]
        if "channels_last" in mode:
            model = model.to(memory_format=torch.channels_last)
            inputs = inputs.to(memory_format=torch.channels_last)
        kind, settings = optimizer_settings(self.workload)
        optimizer = getattr(torch.optim, kind)(model.parameters(), **settings)
        loss_of = self.detection_loss(mode) if self.workload.kind == "detect" else self.cross_entropy(mode)
        autocast = torch.autocast(self.device, torch.bfloat16, enabled=bfloat16)

        def step():
            optimizer.zero_grad(set_to_none=True)
            with autocast:
                loss = loss_of(inputs)
            loss.backward()
            optimizer.step()
            return loss
        return step

    def cross_entropy(self, mode):
        model = torch.compile(self.model) if "compile" in mode else self.model
        targets = self.batch["targets"].reshape(-1)

        def loss_of(inputs):
            logits = model(inputs)
            return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets)
        return loss_of

    def detection_loss(self, mode):
        forward = torch.compile(self.model._predict_once) if "compile" in mode else self.model._predict_once
        criterion = self.model.init_criterion()
        boxes, size = self.batch["boxes"].reshape(-1, 4) / self.workload.size, self.workload.batch
        truth = {"batch_idx": torch.arange(size, device=self.device).repeat_interleave(BOXES_PER_PICTURE).float(),
                 "cls": self.batch["targets"].reshape(-1, 1).float(),
                 "bboxes": torch.cat([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1)}
        return lambda inputs: criterion(forward(inputs), {"img": inputs, **truth})[0].sum()

    def weights(self):
        """The state dict under joist's names, without what joist does not have."""
        found = {}
        for name, tensor in self.model.state_dict().items():
            name = joist_name(self.workload.name, name)
            if name and not name.endswith("num_batches_tracked"):
                found[name] = tensor.detach()
        return found


# A block of the GPT is a torch.nn.TransformerEncoderLayer in joist.
GPT_NAMES = {"qkv.weight": "self_attn.in_proj_weight", "qkv.bias": "self_attn.in_proj_bias",
             "out.weight": "self_attn.out_proj.weight", "out.bias": "self_attn.out_proj.bias",
             "up.weight": "linear1.weight", "up.bias": "linear1.bias",
             "down.weight": "linear2.weight", "down.bias": "linear2.bias"}
# Ultralytics numbers the modules of its YAML file.
YOLO_NAMES = {"0": "stem", "1": "down2", "2": "stage2", "3": "down3", "4": "stage3", "5": "down4", "6": "stage4",
              "7": "down5", "8": "stage5", "9": "pool", "12": "top_down4", "15": "top_down3", "16": "neck_down4",
              "18": "bottom_up4", "19": "neck_down5", "21": "bottom_up5", "22.cv2": "head.box", "22.cv3": "head.cls"}


def joist_name(workload, name):
    """joist's name of a parameter; None for what joist has not."""
    if workload in ("gpt", "gpt2"):
        match = re.fullmatch(r"(blocks\.\d+)\.(.*)", name)
        return f"{match[1]}.{GPT_NAMES.get(match[2], match[2])}" if match else name
    if workload == "yolo_n":
        match = re.fullmatch(r"model\.(22\.cv[23]|\d+)\.(.*)", name)
        part = match and YOLO_NAMES.get(match[1])
        return f"{part}.{match[2]}" if part else None  # 22.dfl.conv holds the numbers 0 … 15
    return name
