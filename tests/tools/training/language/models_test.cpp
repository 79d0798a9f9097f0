// Language models against transformers: weights from the folders that it wrote, then logits and every gradient; and
// folders that are not what they say.
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/tests/core/formats/scratch_folder.h>
#include <joist/tests/support/expect_error.h>
#include <joist/tests/support/language_fixtures.h>
#include <joist/tools/training/language/pretrained.h>

#include <map>

namespace joist {
namespace {

constexpr double tolerance = 1e-4;

Archive truth_of(const std::string& model) {
  return load(open_checkpoint_file(language_fixtures() / model / "truth.safetensors"));
}

void expect_gradients(const std::vector<Field>& fields, const Archive& truth) {
  std::size_t compared = 0;
  double largest = 0;
  for (const NamedArray& one : truth.arrays)
    if (one.name.starts_with("gradient/"))
      for (const float value : one.array.to_vector<float>()) largest = std::max<double>(largest, std::abs(value));
  for (const Field& field : fields) {
    const Array* wanted = truth.find("gradient/" + field.name);
    ASSERT_NE(wanted, nullptr) << field.name;
    // A bias of all keys changes no softmax: its gradient is 0 but for rounding, whose size is that of the others.
    const double least = field.name.ends_with("key.bias") ? largest : 0.01;
    EXPECT_LT(relative_difference(field.tensor.gradient(), *wanted, least), tolerance) << field.name;
    ++compared;
  }
  std::size_t gradients = 0;
  for (const NamedArray& one : truth.arrays) gradients += one.name.starts_with("gradient/") ? 1 : 0;
  EXPECT_EQ(compared, gradients);
}

// The loss of transformers: of each token the one behind it.
Tensor next_token_loss(const Tensor& logits, const Tensor& tokens) {
  const std::int64_t length = tokens.shape(1), vocabulary = logits.shape(2);
  const Tensor seen = reshape(slice(logits, 1, 0, length - 1), {-1, vocabulary});
  return mean(cross_entropy(seen, row_major_copy(ravel(slice(tokens, 1, 1, length)).value())));
}

class Causal : public testing::TestWithParam<const char*> {};

TEST_P(Causal, IsTransformersModel) {
  const Mode mode(Mode::evaluation);
  const std::unique_ptr<CausalModel> model = load_causal_model(language_fixtures() / GetParam());
  const Archive truth = truth_of(GetParam());
  const Tensor tokens(*truth.find("tokens"));
  const Tensor logits = (*model)(tokens);
  EXPECT_LT(relative_difference(logits.value(), *truth.find("logits")), tolerance);
  const Tensor loss = next_token_loss(logits, tokens);
  EXPECT_NEAR(loss.item(), truth.find("loss")->item(), 1e-5);
  loss.backward();
  expect_gradients(model->fields(), truth);
}

// Token by token with what was kept of those before, as with all at once.
TEST_P(Causal, GoesOnFromItsCaches) {
  const Inference inference;
  const std::unique_ptr<CausalModel> model = load_causal_model(language_fixtures() / GetParam());
  const Archive truth = truth_of(GetParam());
  const Tensor tokens(*truth.find("tokens"));
  std::vector<KeyValueCache> caches;
  std::vector<Tensor> parts;
  for (std::int64_t at = 0; at < tokens.shape(1); at += at == 0 ? 7 : 1) {
    const std::int64_t until = at == 0 ? 7 : at + 1;
    parts.push_back((*model)(slice(tokens, 1, at, until), {.caches = &caches}));
  }
  EXPECT_LT(relative_difference(concat(parts, 1).value(), *truth.find("logits")), tolerance);
}

// Two sequences in one row that do not see each other give what they give alone.
TEST_P(Causal, PackedSequencesAreApart) {
  const Inference inference;
  const std::unique_ptr<CausalModel> model = load_causal_model(language_fixtures() / GetParam());
  const Tensor tokens = slice(Tensor(*truth_of(GetParam()).find("tokens")), 0, 0, 1);
  const Tensor first = slice(tokens, 1, 0, 9), second = slice(tokens, 1, 9, 16);
  std::vector<std::int64_t> places, seen;
  for (int i = 0; i < 16; ++i) {
    places.push_back(i < 9 ? i : i - 9);
    for (int j = 0; j < 16; ++j) seen.push_back((i < 9) == (j < 9) ? 1 : 0);
  }
  const CausalCall call{.positions = Tensor(Array::from(places, {1, 16})),
                        .mask = ne(Tensor(Array::from(seen, {1, 1, 16, 16})), 0)};
  const Tensor packed = (*model)(slice(tokens, 1, 0, 16), call);
  EXPECT_LT(relative_difference(packed.value(), concat({(*model)(first), (*model)(second)}, 1).value()), tolerance);
}

INSTANTIATE_TEST_SUITE_P(Models, Causal, testing::Values("qwen2", "llama3", "qwen3", "mistral", "gpt2"),
                         [](const auto& one) { return std::string(one.param); });

TEST(BertEncoder, IsTransformersModel) {
  const Mode mode(Mode::evaluation);
  Bert model = load_bert(language_fixtures() / "bert");
  const Archive truth = truth_of("bert");
  const Tensor mask = ne(Tensor(*truth.find("mask")), 0);
  const Tensor states = model(Tensor(*truth.find("tokens")), mask, Tensor(*truth.find("types")));
  EXPECT_LT(relative_difference(states.value(), *truth.find("states")), tolerance);
  const Tensor pooled = model.pooled(states);
  EXPECT_LT(relative_difference(pooled.value(), *truth.find("pooled")), tolerance);
  (sum(states * Tensor(*truth.find("seed"))) + sum(pooled * Tensor(*truth.find("pooled_seed")))).backward();
  expect_gradients(fields_of(model), truth);
}

// ---- what does not fit is refused before memory is taken
TEST(LanguageConfig, RefusesWhatItCannotBe) {
  const auto parsed = [](const std::string& text) { return parse_language_config(text, "config.json"); };
  expect_error<UnsupportedError>([&] { return parsed(R"({"model_type": "mamba"})"); },
                                 {"mamba", "unsupported", "qwen2"});
  expect_error<DataError>([&] { return parsed(R"({"model_type": "qwen2"})"); }, {"vocab_size", "missing"});
  expect_error<DataError>([&] { return parsed(R"({"model_type": "gpt2", "vocab_size": 1e99})"); }, {"vocab_size"});
  expect_error<DataError>([&] { return parsed("[]"); }, {"JSON"});
  const std::string sizes =
      R"("vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 4)";
  expect_error<UnsupportedError>(
      [&] { return parsed("{\"model_type\": \"llama\", " + sizes + R"(, "rope_scaling": {"type": "dynamic"}})"); },
      {"dynamic", "yarn"});
  expect_error<UnsupportedError>(
      [&] { return parsed("{\"model_type\": \"llama\", " + sizes + R"(, "quantization_config": {}})"); },
      {"quantized"});
  expect_error<UnsupportedError>(
      [&] { return parsed("{\"model_type\": \"llama\", " + sizes + R"(, "hidden_act": "xielu"})"); }, {"xielu"});
}

TEST(LanguageConfig, SizesThatTheWeightsDoNotBearOutTakeNoMemory) {
  const test::ScratchFolder scratch;
  const std::filesystem::path from = language_fixtures() / "gpt2";
  std::filesystem::copy_file(from / "model.safetensors", scratch / "model.safetensors");
  test::put(scratch / "config.json", R"({"model_type": "gpt2", "vocab_size": 40, "n_positions": 32,
      "n_embd": 1000000, "n_layer": 1000, "n_head": 2})");
  expect_error<DataError>([&] { return load_causal_model(scratch.path()); }, {"too few", "config.json"});
}

}  // namespace
}  // namespace joist
