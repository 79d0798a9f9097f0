"""Files of every checkpoint format, each made by the format's own writer, and what they hold. usage: gen.py DIR"""
import os, sys, json, zipfile
os.environ["KERAS_BACKEND"] = "torch"
import numpy as np, torch
from torch import nn
out = sys.argv[1] + "/"
torch.manual_seed(0)
class Block(nn.Module):
    def __init__(s, i, o, stride):
        super().__init__()
        s.conv1 = nn.Conv2d(i, o, 3, stride, 1, bias=False); s.bn1 = nn.BatchNorm2d(o)
        s.down = nn.Conv2d(i, o, 1, stride, bias=False) if i != o else None
    def forward(s, x):
        y = torch.relu(s.bn1(s.conv1(x)))
        return y + (s.down(x) if s.down is not None else x)
class Net(nn.Module):
    def __init__(s):
        super().__init__()
        s.stem = nn.Conv2d(1, 4, 3); s.layers = nn.Sequential(Block(4, 4, 1), Block(4, 6, 2)); s.fc = nn.Linear(6, 10)
    def forward(s, x): return s.fc(s.layers(s.stem(x)).mean((2, 3)))
net = Net().eval()
sd = net.state_dict()
torch.save(sd, out + "net.pt")
torch.save(sd, out + "net_old.pt", _use_new_zipfile_serialization=False)
torch.save({"epoch": 3, "model": sd, "best": 0.5, "args": __import__("argparse").Namespace(lr=.1, name="安全帽"),
            "optimizer": {"state": {0: {"exp_avg": torch.ones(2, 3)}}, "param_groups": [{"lr": .1, "params": [0, 1]}]}}, out + "training.ckpt")
torch.jit.script(net).save(out + "net_script.pt")
w = torch.arange(24.).reshape(2, 3, 4)
odd = {"t": w[0].t(), "strided": torch.arange(20.).as_strided([2, 3], [9, 3], 2), "expand": torch.ones(1, 3).expand(4, 3),
       "tied": w, "tied2": w, "nhwc": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
       "bf16": torch.randn(5).bfloat16(), "f16": torch.randn(5).half(), "f64": torch.randn(5).double(), "i16": torch.arange(-2, 3).short(),
       "u16": torch.tensor([1, 65535], dtype=torch.uint16), "bool": torch.tensor([True, False]), "u8": torch.arange(3).byte(), "i64": torch.tensor(7),
       "empty": torch.zeros(0, 3), "param": nn.Parameter(torch.randn(2, 2)), "c64": torch.zeros(2, dtype=torch.complex64), "fp8": torch.zeros(2).to(torch.float8_e4m3fn)}
torch.save(odd, out + "odd.pt")
torch.save({k: v for k, v in odd.items() if k not in ("fp8", "u16")}, out + "odd_old.pt", _use_new_zipfile_serialization=False)
np.savez(out + "odd_truth.npz", **{k: v.detach().float().numpy() if v.dtype == torch.bfloat16 else v.detach().contiguous().numpy()
                                    for k, v in odd.items() if k not in ("c64", "fp8")})
np.savez(out + "net_truth.npz", **{k: v.numpy() for k, v in sd.items()})
a = {k: v.numpy() for k, v in sd.items()}
np.savez(out + "net.npz", **a); np.savez_compressed(out + "net_deflated.npz", **a)
np.save(out + "fortran.npy", np.asfortranarray(np.arange(24, dtype=">f4").reshape(2, 3, 4)))
import safetensors.torch as st
st.save_file({k: v.contiguous() for k, v in sd.items()}, out + "net.safetensors", {"format": "pt"})
keys = sorted(sd); half = {k: ("net-1.safetensors" if i % 2 else "net-2.safetensors") for i, k in enumerate(keys)}
for f in set(half.values()): st.save_file({k: sd[k] for k in keys if half[k] == f}, out + f)
json.dump({"metadata": {}, "weight_map": half}, open(out + "net.safetensors.index.json", "w"))
import onnx; from onnx import numpy_helper, helper, external_data_helper
graph = helper.make_graph([], "g", [], [], [numpy_helper.from_array(v, k) for k, v in a.items()])
onnx.save(helper.make_model(graph), out + "net.onnx")
m = onnx.load(out + "net.onnx"); onnx.save(m, out + "net_ext.onnx", save_as_external_data=True, location="net_ext.data", size_threshold=0)
import gguf
g = gguf.GGUFWriter(out + "net.gguf", "test"); g.add_uint32("n", 3); g.add_array("list", [1, 2, 3])
for k, v in a.items(): g.add_tensor(k, v if v.dtype != np.int64 else v.reshape(1))
rng = np.random.default_rng(0); q = rng.standard_normal((4, 64)).astype("f4")
truth = {}
for t in (gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q4_0):
    d = gguf.quants.quantize(q, t); g.add_tensor(t.name, d, raw_dtype=t); truth[t.name] = gguf.quants.dequantize(d, t)
g.write_header_to_file(); g.write_kv_data_to_file(); g.write_tensors_to_file(); g.close()
np.savez(out + "gguf_truth.npz", **truth)
# Keras: (model, {name: array in PyTorch's layout})
import keras; from keras import layers as L
keras.utils.set_random_seed(1)
m = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(4, 3, name="stem"), L.BatchNormalization(name="bn"), L.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise_conv2d"),
    L.SeparableConv2D(6, 1, name="separable_conv2d"), L.Conv2DTranspose(5, 3, name="conv2d_transpose"), L.Flatten(), L.Dense(7, name="head")])
for v in m.weights: v.assign(np.random.default_rng(len(v.path)).uniform(.1, 1, v.shape))
for n in ("k.keras", "k.h5"): m.save(out + n)
m.save_weights(out + "k.weights.h5")
x = np.random.default_rng(3).uniform(size=(2, 8, 8, 3)).astype("f4")
np.savez(out + "k_io.npz", x=x, y=m(x).cpu().detach().numpy())
i = keras.Input((5, 6)); y = L.LSTM(3, return_sequences=True, name="lstm")(i); y = L.GRU(4, return_sequences=True, name="gru")(y); y = L.MultiHeadAttention(2, 3, name="multi_head_attention")(y, y); y = L.LayerNormalization(name="layer_normalization")(y)
f = keras.Model(i, y)
for v in f.weights: v.assign(np.random.default_rng(len(v.path)).uniform(-1, 1, v.shape))
for n in ("r.keras", "r.h5"): f.save(out + n)
f.save_weights(out + "r.weights.h5")
x = np.random.default_rng(3).uniform(size=(2, 5, 6)).astype("f4"); np.savez(out + "r_io.npz", x=x, y=f(x).cpu().detach().numpy())
open(out + "d.cfg", "w").write("[net]\nchannels=3\nheight=8\nwidth=8\n[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=1\npad=1\n[route]\nlayers=-1\n[convolutional]\nfilters=2\nsize=1\n")
d = np.arange(4 * 4 + 4 * 27 + 2 + 8, dtype="f4")
open(out + "d.weights", "wb").write(np.array([0, 2, 0], "i4").tobytes() + np.array([5], "u8").tobytes() + d.tobytes())
