#include <joist/core/custom.h>
#include <joist/core/hooks.h>
#include <joist/core/ops.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

std::vector<float> gradient(const Tensor& x) { return x.gradient().to_vector<float>(); }
Array times(const Array& x, float factor) {
  std::vector<float> values = x.to_vector<float>();
  for (float& value : values) value *= factor;
  return Array::from(values, x.shape());
}
template <class E, class Body>
std::string message_of(const Body& body) {
  try {
    body();
  } catch (const E& error) {
    return error.what();
  }
  return "no error";
}
void expect_words(const std::string& message, std::initializer_list<const char*> words) {
  for (const char* word : words) EXPECT_NE(message.find(word), std::string::npos) << word << " in:\n" << message;
}

TEST(Hooks, OfALeafSeesTheSumOfAllUsesOncePerBackward) {
  const Tensor x = Tensor::from({1, 2}, {2}, true);
  std::vector<std::vector<float>> seen;
  register_hook(x, [&](const Array& g) {
    seen.push_back(g.to_vector<float>());
    return Array();
  });
  sum(x * x + x * 3.0).backward();
  EXPECT_EQ(seen, (std::vector<std::vector<float>>{{5, 7}}));
  EXPECT_EQ(gradient(x), (std::vector<float>{5, 7}));
  sum(x).backward();  // accumulates; the hook sees this backward's gradient alone
  EXPECT_EQ(seen.back(), (std::vector<float>{1, 1}));
  EXPECT_EQ(gradient(x), (std::vector<float>{6, 8}));
}

TEST(Hooks, OfALeafServeTwoGraphsThatShareIt) {
  const Tensor x = Tensor::from({2}, {1}, true);
  int calls = 0;
  register_hook(x, [&](const Array& g) { return ++calls, times(g, 10); });
  const Tensor a = sum(x * 2.0), b = sum(x * 3.0);
  a.backward();
  b.backward();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(gradient(x), (std::vector<float>{50}));
  backward(std::vector{x}, std::vector{Array::from(std::vector<float>{1}, {1})});  // the leaf itself
  EXPECT_EQ(gradient(x), (std::vector<float>{60}));
}

TEST(Hooks, OfALeafLetTheRestOfTheGraphRun) {
  const Tensor early = Tensor::from({3}, {1}, true), late = Tensor::from({5}, {1}, true);
  register_hook(late, [](const Array&) { return Array(); });
  const Tensor first = early * 2.0;  // older than what runs late's hook
  sum(first * late).backward();
  EXPECT_EQ(gradient(early), (std::vector<float>{10}));
  EXPECT_EQ(gradient(late), (std::vector<float>{6}));
}

TEST(Hooks, OfAResultReplaceWhatGoesOn) {
  const Tensor x = Tensor::from({1, 2}, {2}, true);
  const Tensor y = x * 2.0;
  register_hook(y, [](const Array& g) { return times(g, 10); });
  register_hook(y, [](const Array& g) { return times(g, 3); });  // in the order of registration
  sum(y * y).backward();
  EXPECT_EQ(gradient(x), (std::vector<float>{240, 480}));  // 2y · 30 · 2
}

TEST(Hooks, AreRemovedByNumber) {
  const Tensor x = Tensor::from({1}, {1}, true);
  const int first = register_hook(x, [](const Array& g) { return times(g, 2); });
  const int second = register_hook(x, [](const Array& g) { return times(g, 5); });
  EXPECT_NE(first, second);
  remove_hook(x, first);
  sum(x).backward();
  EXPECT_EQ(gradient(x), (std::vector<float>{5}));
  expect_words(message_of<UsageError>([&] { remove_hook(x, first); }), {"hook 0 is not registered", "expected"});
}

TEST(Hooks, MayRemoveThemselves) {
  const Tensor x = Tensor::from({1}, {1}, true);
  int handle = -1, calls = 0;
  handle = register_hook(x, [&](const Array&) {
    ++calls;
    remove_hook(x, handle);
    return Array();
  });
  sum(x).backward();
  sum(x).backward();
  EXPECT_EQ(calls, 1);
}

TEST(Hooks, WrongOnesAreErrors) {
  const Tensor x = Tensor::from({1, 2}, {2}, true);
  expect_words(
      message_of<InternalError>([] { register_hook(Tensor::from({1}, {1}), [](const Array& g) { return g; }); }),
      {"requires no gradient", "expected", "set_requires_grad"});
  register_hook(x, [](const Array&) { return Array::empty({3}); });
  expect_words(message_of<ShapeError>([&] { sum(x).backward(); }), {"[2]", "[3]", "same shape", "undefined Array"});
}

TEST(Hooks, HoldNothingAlive) {
  std::weak_ptr<TensorState> leaf, result;
  {
    const Tensor x = Tensor::from({1}, {1}, true);
    register_hook(x, [](const Array& g) { return g; });
    const Tensor y = x * 2.0;
    register_hook(y, [](const Array& g) { return g; });
    const Tensor z = sum(y);
    leaf = x.shared_state();
    result = y.shared_state();
    z.backward();
  }
  EXPECT_TRUE(leaf.expired());
  EXPECT_TRUE(result.expired());
}

TEST(BackwardOfSeveral, AddsTheirSeeds) {
  const Tensor x = Tensor::from({1, 2}, {2}, true);
  const Tensor y = x * x, a = sum(y), b = y * 3.0;
  backward(std::vector{a, b, b}, std::vector{Array(), Array::from(std::vector<float>{1, 0}, {2}),
                                             Array::from(std::vector<float>{0, 1}, {2})});
  EXPECT_EQ(gradient(x), (std::vector<float>{8, 16}));
}

TEST(BackwardMisuse, SaysRuleValuesAndRemedy) {
  const Tensor x = Tensor::from({1, 2}, {2}, true);
  expect_words(message_of<ShapeError>([&] { (x * 2.0).backward(); }), {"[2]", "one element", "sum(x).backward()"});
  expect_words(message_of<ShapeError>([&] { (x * 2.0).backward(Array::empty({3})); }), {"[3]", "[2]", "try:"});
  expect_words(message_of<DtypeError>([&] { (x * 2.0).backward(Array::empty({2}, Dtype::float64)); }),
               {"float64", "float32", "to()"});
  expect_words(message_of<InternalError>([&] { sum(x.detach()).backward(); }),
               {"requires a gradient", "expected", "detach()"});
  const Tensor y = sum(x * x);
  y.backward();
  expect_words(message_of<InternalError>([&] { y.backward(); }),
               {"run backwards already", "expected", "compute the loss again"});
  const Tensor z = sum(x * x);
  x.value().bump_version();
  expect_words(message_of<InternalError>([&] { z.backward(); }),
               {"changed before backward", "version", "found", "before the optimizer's step"});
  expect_words(message_of<ShapeError>([&] { backward(std::vector{y}, {}); }), {"1 tensors and 0 seeds", "one seed"});
  expect_words(message_of<InternalError>([&] { (x * 2.0).set_requires_grad(true); }),
               {"result of an operation", "a leaf"});
}

Tensor cube(const Tensor& x) {
  return custom(
      "cube", {x},
      [](CustomContext& context, std::span<const Tensor> in) {
        context.save({in[0]});
        return in[0] * in[0] * in[0];
      },
      [](const CustomContext& context, std::span<const Tensor> dy) {
        EXPECT_TRUE(context.wants(0));
        return std::vector{dy[0] * square(context.saved(0)) * 3.0};
      });
}

TEST(Custom, HasTheUsersForwardAndBackward) {
  const Tensor x = Tensor::from({1, -2, 3}, {3}, true);
  const Tensor y = cube(x * 1.0);
  EXPECT_EQ(y.value().to_vector<float>(), (std::vector<float>{1, -8, 27}));
  sum(y).backward();
  EXPECT_EQ(gradient(x), (std::vector<float>{3, 12, 27}));
}

TEST(Custom, SeveralOutputsOfWhichOneIsUnused) {
  const Tensor x = Tensor::from({1, 2}, {2}, true), constant = Tensor::from({3, 4}, {2});
  const auto both = custom_many(
      "sum_and_product", std::vector{x, constant},
      [](CustomContext& context, std::span<const Tensor> in) {
        context.save(in);
        return std::vector{in[0] + in[1], in[0] * in[1]};
      },
      [](const CustomContext& context, std::span<const Tensor> dy) {
        EXPECT_FALSE(context.wants(1));
        EXPECT_EQ(dy[0].value().to_vector<float>(), (std::vector<float>{0, 0}));
        return std::vector{dy[0] + dy[1] * context.saved(1), Tensor()};
      });
  sum(both[1]).backward();
  EXPECT_EQ(gradient(x), (std::vector<float>{3, 4}));
}

TEST(Custom, AnUndefinedGradientIsZero) {
  const Tensor x = Tensor::from({1, 2}, {2}, true);
  sum(custom(
          "stop", {x}, [](CustomContext&, auto in) { return in[0] * 2.0; },
          [](const CustomContext&, auto) { return std::vector<Tensor>(1); }))
      .backward();
  EXPECT_EQ(gradient(x), (std::vector<float>{0, 0}));
}

TEST(Custom, WrongGradientsAreErrors) {
  const Tensor x = Tensor::from({1, 2}, {2}, true);
  const auto with = [&](CustomBackward backward) {
    sum(custom(
            "mine", {x}, [](CustomContext&, auto in) { return in[0] * 2.0; }, std::move(backward)))
        .backward();
  };
  expect_words(message_of<ShapeError>([&] { with([](const CustomContext&, auto) { return std::vector<Tensor>(); }); }),
               {"backward of mine", "0 gradients for 1 inputs", "one for each input"});
  expect_words(
      message_of<ShapeError>([&] { with([](const CustomContext&, auto) { return std::vector{Tensor::zeros({3})}; }); }),
      {"mine", "input 0", "[3]", "[2]"});
  expect_words(message_of<DtypeError>([&] {
                 with([](const CustomContext&, auto) { return std::vector{Tensor::zeros({2}, Dtype::float64)}; });
               }),
               {"float64", "float32", "to()"});
  expect_words(
      message_of<UsageError>([&] { with([](const CustomContext& c, auto) { return std::vector{c.saved(0)}; }); }),
      {"saved tensor 0 of 0", "context.save"});
}

TEST(Custom, ASavedTensorThatChangedIsAnError) {
  const Tensor x = Tensor::from({1, 2}, {2}, true);
  const Tensor y = sum(cube(x));
  x.value().bump_version();
  EXPECT_THROW(y.backward(), InternalError);
}

}  // namespace
}  // namespace joist
