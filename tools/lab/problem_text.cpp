// Models that guess the next character of a text: recurrent and transformer.
#include <joist/core/error.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/core/random.h>
#include <joist/core/text.h>
#include <joist/data/text.h>
#include <joist/layers/models/gpt.h>
#include <joist/layers/models/lstm_text.h>
#include <joist/tools/lab/problems.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

namespace joist::lab {
namespace {

struct TextSettings {
  std::string text = "licences";
  std::int64_t width = 64, layers = 1, heads = 4, length = 48, batch = 16;
  double dropout = 0;
  bool transformer = false;

  OptionTable table(const Choice& choice) {
    OptionTable result{free_text("text", text, choice),
                       {"width", width, {.low = 1, .high = 4096}},
                       {"layers", layers, {.low = 1, .high = 48}},
                       {"length", length, {.low = 2, .high = 4096}},
                       {"batch", batch, {.low = 1, .high = 100000}},
                       {"dropout", dropout, below_one}};
    if (transformer) result.push_back({"heads", heads, {.low = 1, .high = 64}});
    return result;
  }
};

struct Corpus {
  std::vector<std::int64_t> tokens{};
  std::int64_t vocabulary = 0, train = 0;  ///< the first `train` tokens are learnt from
};

// What Debian's base-files installs on every machine.
std::string licences() {
  const std::filesystem::path folder = "/usr/share/common-licenses";
  std::set<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.is_regular_file() && !entry.is_symlink()) files.insert(entry.path());
  std::string text;
  for (const auto& file : files) text += read_text(file.string(), 1 << 20);
  if (text.empty())
    throw DataError({.where = "licences",
                     .what = "no texts in " + folder.string(),
                     .expected = "the licences of Debian's package base-files",
                     .remedy = "name any text file: text=FILE"});
  return text;
}

const Corpus& corpus_of(const std::string& name, std::int64_t length) {
  static std::map<std::string, Corpus> read;
  const auto found = read.find(name);
  if (found == read.end()) {
    const std::string text = name == "licences" ? licences() : read_text(name, std::int64_t{1} << 28);
    std::vector<std::string> characters;  // code points
    for (std::size_t at = 0; at < text.size();) {
      std::size_t next = at + 1;
      while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0U) == 0x80U) ++next;
      characters.push_back(text.substr(at, next - at));
      at = next;
    }
    const std::set<std::string> known(characters.begin(), characters.end());
    if (known.size() > 20000)
      throw DataError({.where = name,
                       .what = std::to_string(known.size()) + " different characters",
                       .expected = "at most 20000: a text"});
    std::map<std::string, std::int64_t> number;
    for (const std::string& one : known) number.emplace(one, static_cast<std::int64_t>(number.size()));
    Corpus corpus{.vocabulary = static_cast<std::int64_t>(known.size())};
    for (const std::string& one : characters) corpus.tokens.push_back(number[one]);
    corpus.train = static_cast<std::int64_t>(corpus.tokens.size()) * 9 / 10;
    read.emplace(name, std::move(corpus));
  }
  const Corpus& corpus = read.at(name);
  if (static_cast<std::int64_t>(corpus.tokens.size()) - corpus.train <= 2 * length)
    throw DataError(
        {.where = name,
         .what = std::to_string(corpus.tokens.size()) + " characters",
         .expected = "more than " + std::to_string(20 * length) + " for sequences of " + std::to_string(length),
         .remedy = "a longer text, or a smaller length"});
  return corpus;
}

class TextProblem final : public Problem {
 public:
  using Continue = std::function<Tensor(const Tensor& tokens)>;  ///< [n, length] -> logits [n, length, vocabulary]
  TextProblem(const Corpus& corpus, std::int64_t length, std::int64_t batch, std::uint64_t seed,
              std::vector<Field> fields, Continue model)
      : corpus_(corpus), length_(length), batch_(batch), seed_(seed), continue_(std::move(model)) {
    fields_ = std::move(fields);
  }
  Tensor loss(std::int64_t batch) override {
    Random random({.seed = seed_, .stream = Stream::shuffle, .step = static_cast<std::uint32_t>(batch)});
    std::vector<std::int64_t> starts;
    for (std::int64_t i = 0; i < batch_; ++i)
      starts.push_back(
          static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(corpus_.train - length_ - 1))));
    return at(starts);
  }
  // Sequences at even distances in the last tenth: always the same.
  Measure test() override {
    const Inference quiet;
    const std::int64_t space = static_cast<std::int64_t>(corpus_.tokens.size()) - corpus_.train - length_ - 1;
    const std::int64_t count = std::min<std::int64_t>(128, space / length_ + 1);
    std::vector<std::int64_t> starts;
    for (std::int64_t i = 0; i < count; ++i)
      starts.push_back(corpus_.train + (count > 1 ? i * space / (count - 1) : 0));
    return {.loss = at(starts).item()};
  }
  std::int64_t batches() const override { return std::max<std::int64_t>(1, corpus_.train / (batch_ * length_)); }
  std::int64_t batch_size() const override { return batch_; }
  const char* measure() const override { return "test loss (nats per character)"; }

 private:
  Tensor at(const std::vector<std::int64_t>& starts) const {
    const auto n = static_cast<std::int64_t>(starts.size());
    std::vector<std::int64_t> x, y;
    for (const std::int64_t start : starts) {
      const auto first = corpus_.tokens.begin() + start;
      x.insert(x.end(), first, first + length_);
      y.insert(y.end(), first + 1, first + length_ + 1);
    }
    const Tensor tokens(Array::from(x, {n, length_}));
    const Tensor logits = continue_(tokens);
    return mean(cross_entropy(reshape(logits, {n * length_, corpus_.vocabulary}), Array::from(y, {n * length_})));
  }
  const Corpus& corpus_;
  std::int64_t length_, batch_;
  std::uint64_t seed_;
  Continue continue_;
};

std::unique_ptr<Problem> make(const TextSettings& o, std::uint64_t seed) {
  const Corpus& corpus = corpus_of(o.text, o.length);
  const auto problem = [&](auto model) {
    const auto shared = std::make_shared<decltype(model)>(std::move(model));
    return std::make_unique<TextProblem>(corpus, o.length, o.batch, seed, fields_of(*shared),
                                         [shared](const Tensor& tokens) { return (*shared)(tokens); });
  };
  if (o.transformer)
    return problem(Gpt({.vocabulary = corpus.vocabulary,
                        .context = o.length,
                        .layers = o.layers,
                        .heads = o.heads,
                        .width = o.width,
                        .dropout = o.dropout}));
  return problem(LstmText({.vocabulary = corpus.vocabulary,
                           .embedding = o.width,
                           .hidden = o.width,
                           .layers = o.layers,
                           .dropout = o.dropout}));
}

ProblemKind kind(const std::string& name, const std::string& help, const TextSettings& defaults) {
  return {.info = {.name = name, .help = help, .settings = settings_of(defaults)},
          .make = [defaults](const Choice& choice, std::uint64_t seed) {
            return make(options_from(defaults, choice), seed);
          }};
}

}  // namespace

std::unique_ptr<Problem> text_problem(const std::string& text, std::int64_t length, std::int64_t batch,
                                      std::uint64_t seed,
                                      const std::function<std::shared_ptr<Model>(std::int64_t vocabulary)>& make) {
  const Corpus& corpus = corpus_of(text, length);
  const std::shared_ptr<Model> model = make(corpus.vocabulary);
  return std::make_unique<TextProblem>(corpus, length, batch, seed, model->fields(),
                                       [model](const Tensor& tokens) { return model->continue_sequence(tokens); });
}

std::vector<ProblemKind> text_problems() {
  return {kind("char-rnn", "an LSTM that guesses the next character of a text", {}),
          kind("char-transformer", "a small GPT that guesses the next character of a text",
               {.layers = 2, .transformer = true})};
}

}  // namespace joist::lab
