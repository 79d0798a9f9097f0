// What listens to a computation: names of layers, anomaly mode, profiler.
#include <joist/core/anomaly.h>
#include <joist/core/custom.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/core/profile.h>

#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

struct Layer {
  Parameter weight{Tensor::from({1, 2, 3, 4}, {2, 2}).value()};
};
struct Net {
  Layer first{}, second{};
  Tensor operator()(const Tensor& x) const { return linear(relu(linear(x, first.weight)), second.weight); }
};

template <class Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}
void expect_words(const std::string& message, std::initializer_list<const char*> words) {
  for (const char* word : words) EXPECT_NE(message.find(word), std::string::npos) << word << " in:\n" << message;
}

TEST(Anomaly, NamesOperationAndLayerWhereANanIsBornForwards) {
  Net net;
  const DetectAnomaly anomaly(fields_of(net));
  const Tensor x = Tensor::from({1, 1}, {1, 2});
  const std::string message = error_of([&] { log(linear(x, net.second.weight) * -1.0); });
  expect_words(message, {"forward of Logarithm", "after second", "2 NaN of 2 elements", "[1, 2]", "finite", "try:"});
}

TEST(Anomaly, NamesOperationAndLayerWhereANanIsBornBackwards) {
  Net net;
  const DetectAnomaly anomaly(fields_of(net));
  const Tensor x = Tensor::zeros({1, 2});
  const Tensor y = sqrt(linear(x, net.first.weight));  // slope at 0 is infinite
  const std::string message = error_of([&] { sum(y).backward(); });
  expect_words(message, {"backward of SquareRoot", "after first", "2 infinite of 2", "input 0", "slope"});
}

TEST(Anomaly, BlamesABrokenBackwardNotWhatComesAfterIt) {
  const Tensor x = Tensor::from({1, 2}, {2}, true);
  const DetectAnomaly anomaly;
  const Tensor y = custom(
      "broken", {x * 2.0}, [](CustomContext&, auto in) { return in[0] * 1.0; },
      [](const CustomContext&, auto dy) {
        return std::vector{Tensor::from({NAN, NAN}, dy[0].shape())};
      });
  expect_words(error_of([&] { sum(y * 3.0).backward(); }), {"backward of broken", "2 NaN"});
}

TEST(Anomaly, WhatWasGivenIsNotBlamed) {
  const DetectAnomaly anomaly;
  const Tensor infinite = Tensor::from({-INFINITY, 1}, {2});
  EXPECT_NO_THROW(softmax(infinite * 2.0, 0));
}

TEST(Anomaly, CanOverlookInfinities) {
  const Tensor zero = Tensor::zeros({2});
  {
    const DetectAnomaly anomaly({}, {.infinities = false});
    EXPECT_NO_THROW(log(zero));
    EXPECT_THROW(log(zero - 1.0), DataError);
  }
  EXPECT_NO_THROW(log(zero - 1.0));  // over
}

TEST(Anomaly, AFiniteTrainingStepPasses) {
  Net net;
  const DetectAnomaly anomaly(fields_of(net));
  mean(square(net(Tensor::from({1, -1, 0.5F, 2}, {2, 2})))).backward();
  EXPECT_TRUE(net.first.weight.gradient().defined());
}

TEST(Profiler, NotesEveryOperationWithLayerTimeAndMemory) {
  Net net;
  const Tensor x = Tensor::from({1, -1, 0.5F, 2}, {2, 2});
  Profiler profiler(fields_of(net));
  {
    const Profiler::Phase phase(&profiler, "step \"1\"");
    mean(square(net(x))).backward();
  }
  const Profiler::Phase none(nullptr, "nothing");
  const auto trace = nlohmann::json::parse(profiler.chrome_trace());
  std::vector<std::string> names;
  double end_before = 0;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    const std::string category = event["cat"];
    names.push_back(category + ":" + event["name"].get<std::string>() + ":" +
                    event["args"]["layer"].get<std::string>());
    EXPECT_GE(event["dur"].get<double>(), 0);
    if (category == "phase") continue;
    EXPECT_GE(event["ts"].get<double>(), end_before);  // bars of one thread do not overlap
    end_before = event["ts"].get<double>();
    EXPECT_GT(event["args"]["bytes_in_use"].get<std::int64_t>(), 0);
  }
  const auto has = [&](const std::string& wanted) {
    return std::find(names.begin(), names.end(), wanted) != names.end();
  };
  EXPECT_TRUE(has("forward:linear:first") && has("forward:linear:second") && has("forward:Relu:after first"));
  EXPECT_TRUE(has("backward:linear:first") && has("backward:linear:second") && has("backward:Relu:after first"));
  EXPECT_TRUE(has("phase:step \"1\":"));
  EXPECT_NE(profiler.table().find("linear"), std::string::npos);
}

TEST(Profiler, LetsOtherListenersHear) {
  struct Ear final : Listener {
    int heard = 0;
    void on_record(const Operation&, std::span<const Tensor>, std::span<const Tensor>) override { ++heard; }
  } ear;
  const Listening listening(ear);
  {
    const Profiler profiler;
    const DetectAnomaly anomaly;
    relu(Tensor::zeros({2}));
    EXPECT_EQ(profiler.events().size(), 1U);
  }
  relu(Tensor::zeros({2}));
  EXPECT_EQ(ear.heard, 2);
}

TEST(LayerNames, DescribeScalarFunctionsByTheirName) {
  EXPECT_EQ(describe({Op::unary, Unary(Sigmoid{})}), "Sigmoid");
  EXPECT_EQ(describe({Op::binary, Binary(Multiply{})}), "Multiply");
  EXPECT_EQ(describe({Op::matmul}), "matmul");
}

}  // namespace
}  // namespace joist
