// Activations as layers.
#include <joist/core/mode.h>
#include <joist/layers/activation.h>
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {
namespace {

/// A layer whose members are the constructor's arguments, in their order.
template <class Layer>
void add(Table& table, const std::string& name) {
  table.add("nn." + name, [](Call& c) { return Layer{}(c.inputs.tensor(0)); });
}
template <class Layer, class Member>
void add(Table& table, const std::string& name, Member Layer::*member, const char* argument) {
  table.add("nn." + name, [=](Call& c) {
    Layer layer;
    if (c.has(0, argument)) layer.*member = static_cast<Member>(c.number(0, argument));
    return layer(c.inputs.tensor(0));
  });
}
template <class Layer>
void add(Table& table, const std::string& name, double Layer::*first, const char* first_argument, double Layer::*second,
         const char* second_argument) {
  table.add("nn." + name, [=](Call& c) {
    Layer layer;
    if (c.has(0, first_argument)) layer.*first = c.number(0, first_argument);
    if (c.has(1, second_argument)) layer.*second = c.number(1, second_argument);
    return layer(c.inputs.tensor(0));
  });
}

}  // namespace

void add_activation_modules(Table& table) {
  table.family("modules: activation");
  add<ReLU>(table, "ReLU");
  add<ReLU6>(table, "ReLU6");
  add<SELU>(table, "SELU");
  add<SiLU>(table, "SiLU");
  add<MishLayer>(table, "Mish");
  add<SigmoidLayer>(table, "Sigmoid");
  add<LogSigmoidLayer>(table, "LogSigmoid");
  add<Tanh>(table, "Tanh");
  add<Tanhshrink>(table, "Tanhshrink");
  add<SoftsignLayer>(table, "Softsign");
  add<Hardswish>(table, "Hardswish");
  add<Softmax2d>(table, "Softmax2d");
  add<ELU>(table, "ELU", &ELU::alpha, "alpha");
  add<CELU>(table, "CELU", &CELU::alpha, "alpha");
  add<LeakyReLU>(table, "LeakyReLU", &LeakyReLU::negative_slope, "negative_slope");
  add<Hardshrink>(table, "Hardshrink", &Hardshrink::lambda, "lambd");
  add<Softshrink>(table, "Softshrink", &Softshrink::lambda, "lambd");
  add<Softmax>(table, "Softmax", &Softmax::axis, "dim");
  add<LogSoftmax>(table, "LogSoftmax", &LogSoftmax::axis, "dim");
  add<Softmin>(table, "Softmin", &Softmin::axis, "dim");
  add<GLU>(table, "GLU", &GLU::axis, "dim");
  add<Hardtanh>(table, "Hardtanh", &Hardtanh::min_val, "min_val", &Hardtanh::max_val, "max_val");
  add<SoftplusLayer>(table, "Softplus", &SoftplusLayer::beta, "beta", &SoftplusLayer::threshold, "threshold");
  add<ThresholdLayer>(table, "Threshold", &ThresholdLayer::threshold, "threshold", &ThresholdLayer::value, "value");
  table.add("nn.GELU", [](Call& c) {
    return GELU{.approximate = c.text(0, "approximate", "none") == "tanh"}(c.inputs.tensor(0));
  });
  table.add("nn.functional.rrelu", [](Call& c) {
    const Mode mode(c.flag(3, "training", false) ? Mode::training : Mode::evaluation);
    return RReLU{.lower = c.number(1, "lower", 1.0 / 8), .upper = c.number(2, "upper", 1.0 / 3)}(c.tensor(0));
  });
  table.add("nn.PReLU", [](Call& c) {
    PReLU layer({.channels = c.integer(0, "num_parameters", 1)});
    c.load(layer);
    return layer(c.inputs.tensor(0));
  });
}

}  // namespace joist::torchdb
