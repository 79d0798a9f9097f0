// Everything that `joist train` can be told, as one plain struct. One table (visit_options) names each member for the
// command line, for configuration files, and for telling whether a resumed run is still the same run.
#pragma once

#include <joist/data/augment/pipeline.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace joist {

/// A length of time: "90", "90s", "20m", "1.5h".
struct Duration {
  double seconds = 0;  ///< 0: not given
  /// Throws UsageError naming `option`.
  static Duration parse(const std::string& text, const std::string& option);
  std::string text() const;
  bool operator==(const Duration&) const = default;
};

/// From step `step` on, the run is planned to have `total` steps; 0: not known yet.
struct PlanPoint {
  std::int64_t step = 0;
  std::int64_t total = 0;
  bool operator==(const PlanPoint&) const = default;
};

/// Which augmentation: a named list, or the user's own. "default" stands for the fixed recipe of the task.
struct AugmentChoice {
  std::string name = "default";
  AugmentList list{};  ///< one's own; the name is then ""
  bool is_default() const { return name == "default"; }
  /// The operations; throws UsageError for an unknown name.
  AugmentList operations() const { return name.empty() ? list : named_augment_list(name); }
  bool operator==(const AugmentChoice&) const = default;
};

struct TrainOptions {
  std::string data{};
  std::string val{};
  std::string task = "auto";
  std::string model = "auto";
  std::string from{};
  std::string map{};                 ///< how names of --from become the model's, see MappingOptions
  std::string fresh{};               ///< patterns of fields that do not come from --from
  std::string rates{};               ///< "PATTERN=FACTOR,…" of the learning rate
  std::string no_decay{};            ///< patterns of parts without weight decay
  std::string unfreeze{};            ///< "PATTERN=SHARE,…": from which part of the run on these learn
  double l2_sp = 0;                  ///< strength of the pull towards --from
  std::string lora{};                ///< of language models: "r=8,alpha=16,targets=q_proj+v_proj"; "": all weights
  std::string packing = "on";        ///< of language models: several texts in a row
  std::string learn = "completion";  ///< of language models: what of prompts and answers
  std::string chat_format = "auto";
  std::string leave_out{};  ///< groups of pictures that are evaluated on instead
  std::string group = "auto";
  std::string out{};
  std::string labels = "repair";
  double max_loss = 0.01;
  std::int64_t size = 0;
  std::int64_t batch = 16;
  std::int64_t epochs = 0;
  Duration time{};
  std::int64_t seed = 0;

  std::string device = "auto";
  std::int64_t threads = 0;
  std::int64_t loader_threads = 0;
  bool bf16 = false;  ///< steps under Autocast
  std::string deterministic{};
  std::int64_t micro_shards = 8;
  std::string batch_norm = "sync";
  std::string optimizer_state = "whole";
  double bucket_mb = 25;
  Duration rank_timeout{120};
  bool resume = false;
  std::string profile{};                    ///< a Chrome trace of a few steps goes here; of this call, not of the run
  bool find_rate = false, overfit = false;  ///< tests before a training, see trial.h; of this call as well
  std::string save_every = "2m";
  std::int64_t evaluate_every = 0;

  std::string optimizer = "auto";
  std::string optimizer_options{};  ///< NAME=VALUE,… of what has no option of its own
  double lr = 0;
  std::string schedule = "linear";
  double final_lr = 0.01;
  double momentum = 0;
  double weight_decay = -1;
  std::int64_t warmup = -1;
  std::int64_t nominal_batch = 0;
  double clip = 10;
  double average_decay = 0.9999;
  double average_tau = 2000;
  double mosaic = -1;
  double close_mosaic = 0.1;
  double flip = -1;
  AugmentChoice augment{};
  std::string backgrounds{};
  double multi_scale = 0;
  double balance = 0;
  double class_weights = 0;
  double label_smoothing = 0;
  std::string freeze{};  ///< patterns of parts that do not learn
  std::int64_t patience = 0;
  std::int64_t tile = 0;
  double tile_overlap = 0.2;
  std::string cache_folder{};
  std::string unreadable = "fail";

  std::vector<PlanPoint> plan{};
  std::vector<std::int64_t> evaluated{};

  /// Names of the options that the user gave, on the command line or in a file.
  std::set<std::string> given{};
};

/// The parts of a list with commas, without their spaces; commas inside braces ({a,b}) divide nothing.
std::vector<std::string> split_list(const std::string& text);

/// What the table says of one option.
struct OptionInfo {
  const char* name;   ///< --name on the command line, name = … in a configuration file
  const char* value;  ///< what its value is, for help
  const char* help;
  const char* group;
  bool exact;  ///< another value makes another run: refused with --resume
};

/// Which optimizers there are.
const char* optimizer_help();
/// Which schedules there are.
const char* schedule_help();

/// Calls visit(OptionInfo, member) for each option, in the order of help and files.
template <class Options, class Visit>
void visit_options(Options& o, Visit&& visit) {
  constexpr const char* run = "Data and run";
  visit(
      OptionInfo{"data", "PATH", "training data: a folder or one annotation file; the format is detected", run, false},
      o.data);
  visit(OptionInfo{"val", "PATH", "data held apart for evaluation", run, false}, o.val);
  visit(OptionInfo{"leave-out", "NAME,…",
                   "cameras or videos (groups of pictures) to evaluate on instead of learning from them: what a new "
                   "camera will give",
                   run, true},
        o.leave_out);
  visit(OptionInfo{"group", "auto|prefix|folder|REGEX", "how pictures belong to cameras, as in joist data split", run,
                   true},
        o.group);
  visit(OptionInfo{"task", "auto|detect|classify|language", "what to learn; auto looks at data and model", run, true},
        o.task);
  visit(OptionInfo{"model", "NAME",
                   "model, or an ONNX classifier (FILE.onnx) with its weights; auto: yolo_n, mnist_cnn or resnet18 by "
                   "task and data",
                   run, true},
        o.model);
  visit(
      OptionInfo{
          "from", "FILE",
          "start from these weights: joist's, PyTorch's, safetensors, Keras's, ONNX's, NumPy's …; a head of other "
          "classes begins anew",
          run, true},
      o.from);
  visit(
      OptionInfo{
          "map", "FROM=TO,…|shape",
          "names of --from that become others, by patterns (encoder.**=backbone.**; nothing after = leaves out); "
          "shape: the rest by shape and order",
          run, true},
      o.map);
  visit(OptionInfo{"fresh", "PATTERN,…", "parts of the model that do not come from --from", run, true}, o.fresh);
  visit(OptionInfo{"rates", "PATTERN=FACTOR,…", "learning rates of parts of the model, as factors: backbone=0.1", run,
                   true},
        o.rates);
  visit(OptionInfo{"no-decay", "PATTERN,…", "parts without weight decay, beside biases and norms", run, true},
        o.no_decay);
  visit(
      OptionInfo{"unfreeze", "PATTERN=SHARE,…",
                 "parts that stay as they are at first, also if --freeze names them, and learn from that share of the "
                 "run on: layer4=0.2,layer3=0.5",
                 run, true},
      o.unfreeze);
  visit(OptionInfo{"l2-sp", "ALPHA",
                   "pull what comes from --from towards it by lr · ALPHA per step, in place of its weight decay", run,
                   true},
        o.l2_sp);
  visit(OptionInfo{"out", "DIR", "folder of the results", run, false}, o.out);
  visit(OptionInfo{"labels", "fail|repair|drop", "what to do about labels that are wrong", run, true}, o.labels);
  visit(OptionInfo{"max-loss", "SHARE", "share of boxes or pictures that --labels may drop before the run stops", run,
                   true},
        o.max_loss);
  visit(OptionInfo{"size", "PIXELS",
                   "side of the model's input; 0: 320 for detectors, the data's own for small grey pictures, 224", run,
                   true},
        o.size);
  visit(OptionInfo{"batch", "N",
                   "pictures per batch, of all processes together; 0: as many as memory and data allow, at most 64; "
                   "detectors of fewer than 320 pictures take 8 if nothing is said",
                   run, true},
        o.batch);
  visit(OptionInfo{"epochs", "N", "how often each picture is seen", run, true}, o.epochs);
  visit(OptionInfo{"time", "DURATION", "wall-clock budget of the whole run, such as 20m; the schedule is fitted to it",
                   run, true},
        o.time);
  visit(OptionInfo{"seed", "N", "seed of all random numbers", run, true}, o.seed);

  constexpr const char* language = "Language models (--model FOLDER, as transformers writes it)";
  visit(
      OptionInfo{"lora", "r=8,…",
                 "learn low-rank adapters instead of all weights: r=8,alpha=16,targets=q_proj+v_proj,rslora=true, each "
                 "optional; --from FOLDER goes on with one",
                 language, true},
      o.lora);
  visit(OptionInfo{"packing", "on|off", "several short texts in a row of --size tokens, which do not see each other",
                   language, true},
        o.packing);
  visit(OptionInfo{"learn", "completion|all", "of prompts with answers only the answers, or all", language, true},
        o.learn);
  visit(OptionInfo{"chat-format", "auto|chatml|llama3|plain", "how conversations are written; auto: by the tokenizer",
                   language, true},
        o.chat_format);

  constexpr const char* machine = "Machine";
  visit(OptionInfo{"device", "auto|cpu|cuda",
                   "where to compute; auto: on a GPU that can be used, else on the CPU. A run may go on elsewhere, "
                   "with other roundings",
                   machine, false},
        o.device);
  visit(OptionInfo{"threads", "N", "threads of the computation; 0: one per core", machine, true}, o.threads);
  visit(OptionInfo{"bf16", "",
                   "multiply in bfloat16 while training, sums in float32: faster where processor or GPU have such "
                   "products; weights, gradients and evaluations stay float32",
                   machine, true},
        o.bf16);
  visit(OptionInfo{"loader-threads", "N", "threads that prepare pictures; 0: chosen; the result does not depend on it",
                   machine, false},
        o.loader_threads);
  visit(OptionInfo{"cache-folder", "DIR", "decoded pictures stay here for later runs; known by their content", machine,
                   false},
        o.cache_folder);
  visit(OptionInfo{"unreadable", "fail|skip",
                   "a training picture that cannot be read ends the run, or another takes its place", machine, true},
        o.unreadable);
  visit(OptionInfo{"deterministic", "world-size",
                   "same bits on any number of processes up to --micro-shards: each batch in --micro-shards parts, of "
                   "which batch normalization sees "
                   "one at a time; one process always repeats anyway",
                   machine, true},
        o.deterministic);

  constexpr const char* several = "Several processes (mpirun -np 4 joist train …, torchrun's variables, srun)";
  visit(OptionInfo{"micro-shards", "N",
                   "parts of a batch for --deterministic=world-size, a power of two, as many as processes or more",
                   several, true},
        o.micro_shards);
  visit(OptionInfo{"batch-norm", "sync|local",
                   "batch normalization over the pictures of all processes, as one process would, or of each", several,
                   true},
        o.batch_norm);
  visit(OptionInfo{"optimizer-state", "whole|sharded",
                   "the optimizer's memory on every process, or each its part (ZeRO-1); results are the same", several,
                   false},
        o.optimizer_state);
  visit(OptionInfo{"bucket-mb", "MB", "gradients that travel together while backward goes on", several, false},
        o.bucket_mb);
  visit(
      OptionInfo{"rank-timeout", "DURATION", "how long processes wait for a silent one before all end", several, false},
      o.rank_timeout);

  constexpr const char* saving = "Saving and resuming";
  visit(OptionInfo{"resume", "", "go on with the run in DIR; options left out are those of that run", saving, false},
        o.resume);
  visit(OptionInfo{"save-every", "STEPS|DURATION", "save inside epochs too: 50 (steps) or 2m; 0: only after each epoch",
                   saving, false},
        o.save_every);
  visit(OptionInfo{"evaluate-every", "EPOCHS",
                   "evaluate after every so many epochs; 0: 1 with --epochs, chosen with --time", saving, true},
        o.evaluate_every);

  constexpr const char* recipe = "Recipe";
  visit(OptionInfo{"optimizer", "auto|NAME", optimizer_help(), recipe, true}, o.optimizer);
  visit(
      OptionInfo{
          "optimizer-options", "NAME=VALUE,…",
          "what else the optimizer has, such as beta2=0.99 or ns_steps=3; joist lab list adamw describes adamw's",
          recipe, true},
      o.optimizer_options);
  visit(OptionInfo{"lr", "R", "learning rate; 0: chosen", recipe, true}, o.lr);
  visit(OptionInfo{"schedule", "NAME", schedule_help(), recipe, true}, o.schedule);
  visit(OptionInfo{"final-lr", "F", "rate at the end, as a fraction of --lr", recipe, true}, o.final_lr);
  visit(OptionInfo{"momentum", "M", "momentum or beta1 of the optimizer; 0: chosen", recipe, true}, o.momentum);
  visit(OptionInfo{"weight-decay", "D", "on weights, not on biases and norms; -1: chosen", recipe, true},
        o.weight_decay);
  visit(OptionInfo{"warmup", "STEPS", "steps over which the rate rises, at most a third of the run; -1: chosen", recipe,
                   true},
        o.warmup);
  visit(OptionInfo{"nominal-batch", "N", "accumulate batches up to about N pictures per step; 0: one batch", recipe,
                   true},
        o.nominal_batch);
  visit(OptionInfo{"clip", "NORM", "largest norm of the gradient; 0: no limit", recipe, true}, o.clip);
  visit(OptionInfo{"average-decay", "D",
                   "largest decay of the moving average of the weights, which is what is evaluated and kept; 0: none",
                   recipe, true},
        o.average_decay);
  visit(OptionInfo{"average-tau", "STEPS",
                   "steps over which that decay builds up; 0: none; -1: the average always spans about the last tenth "
                   "of the steps so far, steadier within a run and behind at its end",
                   recipe, true},
        o.average_tau);
  visit(OptionInfo{"mosaic", "P", "share of pictures made of four; -1: chosen", recipe, true}, o.mosaic);
  visit(OptionInfo{"close-mosaic", "F", "last part of the run that sees whole pictures only", recipe, true},
        o.close_mosaic);
  visit(OptionInfo{"flip", "P", "share of pictures mirrored left to right; -1: chosen", recipe, true}, o.flip);
  visit(
      OptionInfo{"augment", "NAME",
                 "another augmentation: none, light, site, small or classify; lists of one's own stand in --config as "
                 "[[augment]] tables",
                 recipe, true},
      o.augment);
  visit(OptionInfo{"backgrounds", "DIR", "pictures without objects, for the operation \"background\"", recipe, true},
        o.backgrounds);

  visit(OptionInfo{"multi-scale", "SHARE",
                   "each batch of a detector at another size, --size times 1 - SHARE … 1 + SHARE; 0: no", recipe, true},
        o.multi_scale);
  visit(OptionInfo{"balance", "SHARE",
                   "show pictures with classes that are on fewer than this share of all pictures more often "
                   "(repeat-factor sampling); 0: no",
                   recipe, true},
        o.balance);
  visit(OptionInfo{"class-weights", "POWER",
                   "weigh the objects of a class in the loss by its rarity to this power, 0 (not at all) to 1", recipe,
                   true},
        o.class_weights);
  visit(OptionInfo{"label-smoothing", "SHARE",
                   "classifiers: this share of each picture's label, 0 to 1, is spread over all classes, so that they "
                   "get less sure of themselves",
                   recipe, true},
        o.label_smoothing);
  visit(
      OptionInfo{
          "freeze", "PATTERN,…",
          "layers that stay as they are, with the statistics of their normalizations: \"stem,down*,stage*\" is the "
          "backbone of yolo_n",
          recipe, true},
      o.freeze);
  visit(OptionInfo{"patience", "EVALUATIONS", "stop after so many evaluations without a better one; 0: never", recipe,
                   true},
        o.patience);
  visit(OptionInfo{"tile", "PIXELS",
                   "cut pictures into tiles of this side, in training, evaluation and prediction alike; 0: whole "
                   "pictures",
                   recipe, true},
        o.tile);
  visit(OptionInfo{"tile-overlap", "SHARE", "of a tile's side that the next one shows too", recipe, true},
        o.tile_overlap);

  constexpr const char* record = "Record of a run (written to config.toml, so that it can be repeated)";
  visit(OptionInfo{"plan", "[[STEP, TOTAL], …]", "steps planned, and from which step on", record, true}, o.plan);
  visit(OptionInfo{"evaluated", "[EPOCH, …]", "epochs after which to evaluate", record, true}, o.evaluated);
}

/// The options as a TOML file with a line of help each; `resume` and `given` are not part of it.
std::string to_toml(const TrainOptions& options);
/// Reads such text into `options`; keys not in the text keep their values, those in it are added to `given`. `name` is
/// the file, for messages. Throws UsageError naming the line for unknown keys (with the nearest name) and wrong values.
void read_toml(TrainOptions& options, const std::string& text, const std::string& name);

/// Throws UsageError where an option says something that a run on texts, or one on pictures, would not look at.
void require_meaning(const TrainOptions& options, bool language);

/// The options of a run that goes on: those saved, with what the user gave now where that changes nothing of the
/// result. Throws UsageError listing every option that would.
TrainOptions resumed_options(const TrainOptions& saved, const TrainOptions& now);

}  // namespace joist
