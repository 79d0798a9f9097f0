// Augmentation as a list of operations that users write, in C++ or as [[augment]] tables of a configuration file.
//
//   const AugmentList list{{"mosaic"}, {"affine", {{"degrees", 5}, {"scale", 0.4}}}, {"hsv"}, {"rain", {{"p", 0.1}}}};
//   Pipeline pipeline({.list = list}, 320);
//   const Example& example = pipeline(pool, seed, epoch, sample);
//
// Like the Augmenter's, an example depends on (seed, epoch, sample) only. Each operation has random numbers of its own,
// by its name: another one in the list leaves them alone.
#pragma once

#include <joist/data/augment.h>
#include <joist/data/augment/warp.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace joist {

/// One entry of a list: an operation's name and what differs from its defaults. Every operation has "p", the
/// probability that it happens; below a choice it is 1 where nothing is said.
struct AugmentOp {
  std::string op{};
  std::vector<std::pair<std::string, double>> settings{};
  std::vector<AugmentOp> of{};  ///< of "one_of" and "some_of": what to choose among
  std::string where{};          ///< "file:line", for messages
  bool operator==(const AugmentOp& other) const {
    return op == other.op && settings == other.settings && of == other.of;
  }
};
using AugmentList = std::vector<AugmentOp>;

struct AugmentParameter {
  const char* name;
  double value;  ///< where nothing is said
  double least;
  double most;
  const char* help;
};

struct AugmentScene;
class AugmentSettings;

/// What there is to choose from.
struct AugmentOperation {
  enum class Kind {
    single,  ///< changes one picture
    mosaic,  ///< lays pictures of the pool beside each other
    mix,     ///< joins another picture that went through the list up to here
    choice   ///< runs some of the operations below it
  };
  const char* name;
  const char* group;
  const char* help;
  std::vector<AugmentParameter> parameters{};  ///< "p" is not listed
  void (*apply)(AugmentScene& scene, const AugmentSettings& settings);
  Kind kind = Kind::single;
  double p = 1;  ///< probability where nothing is said
};

/// All of them, by family.
const std::vector<AugmentOperation>& augment_operations();

/// Ready lists: "default" (what YOLO detectors are trained with), "none", "light", "site" (weather, light and blur of
/// outdoor cameras), "small" (much variety for few pictures), "classify". Throws UsageError with the names there are.
AugmentList named_augment_list(const std::string& name);
std::vector<std::string> augment_list_names();

struct PipelineOptions {
  AugmentList list{};
  KeepRule keep{};                         ///< boxes that are left of an object stay only by this rule
  std::vector<std::string> backgrounds{};  ///< picture files for "background"; none: patterns
  std::vector<int> mirrored_keypoints{};   ///< which keypoint each becomes in a mirrored picture; none: itself
};

/// Throws UsageError that names the operation (with the nearest name), the setting, its value and its range.
void check(const AugmentList& list);

/// The list as [[augment]] tables. What equals the defaults is left out.
std::string to_toml(const AugmentList& list);

/// Makes examples by a list; one for each thread, since it reuses its memory.
class Pipeline {
 public:
  /// Pictures of size × size pixels. Throws UsageError as check() does.
  Pipeline(PipelineOptions options, int size);
  ~Pipeline();
  Pipeline(Pipeline&&) noexcept;
  Pipeline& operator=(Pipeline&&) noexcept;
  /// Valid until the next call. Throws what `pool` throws.
  const Example& operator()(const ExamplePool& pool, std::uint64_t seed, std::uint32_t epoch, std::size_t sample);
  /// One example that is already loaded, without the last step to a square: for tests and tools.
  void apply(Example& example, const ExamplePool& pool, std::uint64_t seed, std::uint32_t epoch, std::size_t sample);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace joist
