#include <joist/core/formats/pickle.h>

#include <algorithm>
#include <map>

namespace joist {
namespace {

using enum PickleGlobal;

// Nothing outside this list is ever looked up. `opaque` ones are values that training scripts like to save beside the
// weights: their content is skipped.
const std::map<std::string, PickleName, std::less<>>& list() {
  static const std::map<std::string, PickleName, std::less<>> names = {
      {"collections.OrderedDict", {ordered_dict}},
      {"collections.defaultdict", {default_dict}},
      {"collections.Counter", {counter}},
      {"builtins.set", {set}},
      {"__builtin__.set", {set}},
      // What a defaultdict makes.
      {"builtins.dict", {opaque}},
      {"builtins.list", {opaque}},
      {"builtins.int", {opaque}},
      {"builtins.float", {opaque}},
      {"__builtin__.dict", {opaque}},
      {"__builtin__.list", {opaque}},
      {"__builtin__.int", {opaque}},
      {"__builtin__.long", {opaque}},
      {"__builtin__.float", {opaque}},
      {"torch.Size", {size}},
      {"torch.device", {device}},
      {"torch.serialization._get_layout", {layout}},
      {"torch._utils._rebuild_tensor", {rebuild_tensor}},
      {"torch._utils._rebuild_tensor_v2", {rebuild_tensor_v2}},
      {"torch._utils._rebuild_tensor_v3", {rebuild_tensor_v3}},
      {"torch._utils._rebuild_parameter", {rebuild_parameter}},
      {"torch._utils._rebuild_parameter_with_state", {rebuild_parameter_with_state}},
      {"torch._tensor._rebuild_from_type_v2", {rebuild_from_type}},
      {"torch.Tensor", {tensor_type}},
      {"torch.nn.parameter.Parameter", {tensor_type}},
      {"torch.nn.parameter.Buffer", {tensor_type}},
      {"torch._utils._rebuild_qtensor", {unsupported_tensor}},
      {"torch._utils._rebuild_sparse_tensor", {unsupported_tensor}},
      {"torch._utils._rebuild_meta_tensor_no_storage", {unsupported_tensor}},
      {"torch._utils._rebuild_wrapper_subclass", {unsupported_tensor}},
      {"torch._utils._rebuild_device_tensor_from_numpy", {unsupported_tensor}},
      {"torch._utils._rebuild_device_tensor_from_cpu_tensor", {unsupported_tensor}},
      {"torch.per_tensor_affine", {opaque}},
      {"torch.per_channel_affine", {opaque}},
      {"torch.per_channel_affine_float_qparams", {opaque}},
      {"argparse.Namespace", {opaque}},
      {"types.SimpleNamespace", {opaque}},
      {"pathlib.PosixPath", {opaque}},
      {"pathlib.WindowsPath", {opaque}},
      {"numpy.dtype", {opaque}},
      {"numpy.ndarray", {opaque}},
      {"numpy.core.multiarray.scalar", {opaque}},
      {"numpy._core.multiarray.scalar", {opaque}},
      {"numpy.core.multiarray._reconstruct", {opaque}},
      {"numpy._core.multiarray._reconstruct", {opaque}},
      {"_codecs.encode", {opaque}},
      {"torch.FloatStorage", {storage, Element::float32}},
      {"torch.DoubleStorage", {storage, Element::float64}},
      {"torch.HalfStorage", {storage, Element::float16}},
      {"torch.BFloat16Storage", {storage, Element::bfloat16}},
      {"torch.LongStorage", {storage, Element::int64}},
      {"torch.IntStorage", {storage, Element::int32}},
      {"torch.ShortStorage", {storage, Element::int16}},
      {"torch.CharStorage", {storage, Element::int8}},
      {"torch.ByteStorage", {storage, Element::uint8}},
      {"torch.BoolStorage", {storage, Element::boolean}},
      {"torch.storage.UntypedStorage", {untyped_storage, Element::uint8}},
      {"torch.UntypedStorage", {untyped_storage, Element::uint8}},
      {"torch.ComplexFloatStorage", {storage, Element::uint8, 8}},
      {"torch.ComplexDoubleStorage", {storage, Element::uint8, 16}},
      {"torch.QInt8Storage", {storage, Element::uint8, 1}},
      {"torch.QUInt8Storage", {storage, Element::uint8, 1}},
      {"torch.QInt32Storage", {storage, Element::uint8, 4}},
      {"torch.QUInt4x2Storage", {storage, Element::uint8, 1}},
      {"torch.QUInt2x4Storage", {storage, Element::uint8, 1}},
      {"torch.float32", {dtype, Element::float32}},
      {"torch.float64", {dtype, Element::float64}},
      {"torch.float16", {dtype, Element::float16}},
      {"torch.bfloat16", {dtype, Element::bfloat16}},
      {"torch.int64", {dtype, Element::int64}},
      {"torch.int32", {dtype, Element::int32}},
      {"torch.int16", {dtype, Element::int16}},
      {"torch.int8", {dtype, Element::int8}},
      {"torch.uint8", {dtype, Element::uint8}},
      {"torch.bool", {dtype, Element::boolean}},
      {"torch.uint16", {dtype, Element::uint16}},
      {"torch.uint32", {dtype, Element::uint32}},
      {"torch.uint64", {dtype, Element::uint64}},
      {"torch.complex64", {dtype, Element::uint8, 8}},
      {"torch.complex128", {dtype, Element::uint8, 16}},
      {"torch.float8_e4m3fn", {dtype, Element::uint8, 1}},
      {"torch.float8_e5m2", {dtype, Element::uint8, 1}},
      {"torch.float8_e4m3fnuz", {dtype, Element::uint8, 1}},
      {"torch.float8_e5m2fnuz", {dtype, Element::uint8, 1}},
      {"torch.float8_e8m0fnu", {dtype, Element::uint8, 1}},
      {"torch.float4_e2m1fn_x2", {dtype, Element::uint8, 1}},
  };
  return names;
}

constexpr std::string_view script_functions[] = {"build_intlist", "build_tensorlist", "build_doublelist",
                                                 "build_boollist"};

}  // namespace

std::optional<PickleName> find_pickle_name(const std::string& module, const std::string& name, bool script) {
  if (const auto found = list().find(module + "." + name); found != list().end()) return found->second;
  if (!script) return {};
  if (module.starts_with("__torch__")) return PickleName{script_class};
  if (module != "torch.jit._pickle") return {};
  if (std::find(std::begin(script_functions), std::end(script_functions), name) != std::end(script_functions))
    return PickleName{script_list};
  if (name == "restore_type_tag") return PickleName{script_tag};
  return {};
}

}  // namespace joist
