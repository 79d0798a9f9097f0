"""The file of samples: a sequence of records, each with its length in front. All numbers are little-endian.

A record is one value (a dict); a value is one byte that names its kind and
  N nothing | B bool (u8) | I int64 | F float64 | S string | Y element type (string) | X what has no meaning outside Python
  (its text) | E … (an index) | C slice: three values | L list: u32 count, values | D dict: u32 count, (string, value)s
  T tensor: string element type, u8 wants a gradient, u8 complex, u8 rank, i64 lengths, the elements row-major.
A string is u32 length and UTF-8. Complex numbers are a trailing axis of 2.
"""
import struct

import numpy as np
import torch

DTYPES = {torch.float64: "float64", torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "bfloat16",
          torch.int64: "int64", torch.int32: "int32", torch.int8: "int8", torch.uint8: "uint8", torch.bool: "bool"}
COMPLEX = {torch.complex128: torch.float64, torch.complex64: torch.float32}


class LeftOut(Exception):
    """Why a sample is not written."""


class Writer:
    def __init__(self, file):
        self.file = file
        self.parts = []
        self.complex_too = False

    def begin(self):
        self.parts = []

    def end(self):
        body = b"".join(self.parts)
        self.file.write(struct.pack("<Q", len(body)) + body)

    def drop(self):
        self.parts = []

    def sample(self, complex_too, parts, **rest):
        self.complex_too = complex_too
        self.value({**rest, **parts, "outputs": rest["outputs"] if isinstance(rest["outputs"], (list, tuple))
                    else [rest["outputs"]]})

    def put(self, form, *values):
        self.parts.append(struct.pack("<" + form, *values))

    def string(self, text):
        data = text.encode()
        self.put("I", len(data))
        self.parts.append(data)

    def kind(self, letter):
        self.parts.append(letter)

    def value(self, value):
        if value is None:
            self.kind(b"N")
        elif isinstance(value, (bool, np.bool_)):
            self.kind(b"B")
            self.put("B", value)
        elif isinstance(value, (int, np.integer)):
            self.kind(b"I")
            self.put("q", value)
        elif isinstance(value, (float, np.floating)):
            self.kind(b"F")
            self.put("d", value)
        elif isinstance(value, str):
            self.kind(b"S")
            self.string(value)
        elif isinstance(value, torch.dtype):
            self.kind(b"Y")
            self.string(DTYPES.get(value, str(value)))
        elif isinstance(value, torch.Tensor):
            self.tensor(value)
        elif value is Ellipsis:
            self.kind(b"E")
        elif isinstance(value, slice):
            self.kind(b"C")
            for part in (value.start, value.stop, value.step):
                self.value(part)
        elif isinstance(value, (list, tuple)):
            self.kind(b"L")
            self.put("I", len(value))
            for item in value:
                self.value(item)
        elif isinstance(value, dict):
            self.kind(b"D")
            self.put("I", len(value))
            for key, item in value.items():
                self.string(str(key))
                self.value(item)
        elif isinstance(value, complex):
            raise LeftOut("complex")
        else:
            self.kind(b"X")
            self.string(repr(value).split(" at 0x")[0])

    def tensor(self, tensor):
        wanted = tensor.requires_grad
        tensor = tensor.detach()
        is_complex = tensor.dtype in COMPLEX
        if is_complex:
            if not self.complex_too:
                raise LeftOut("complex")
            tensor = torch.view_as_real(tensor.resolve_conj())
        if tensor.dtype not in DTYPES:
            raise LeftOut(f"element type {tensor.dtype}")
        if tensor.layout != torch.strided:
            raise LeftOut("sparse or nested tensor")
        self.kind(b"T")
        self.string(DTYPES[tensor.dtype])
        self.put(f"BBB{tensor.dim()}q", wanted, is_complex, tensor.dim(), *tensor.shape)
        tensor = tensor.contiguous()
        if tensor.dtype in (torch.float16, torch.bfloat16):
            tensor = tensor.view(torch.int16)
        self.parts.append(tensor.numpy().tobytes())
