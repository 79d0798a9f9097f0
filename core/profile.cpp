#include <joist/core/memory.h>
#include <joist/core/profile.h>

#include <algorithm>
#include <cstdio>
#include <map>

namespace joist {
namespace {

std::string escaped(const std::string& text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof(code), "\\u%04x", static_cast<unsigned>(c));
      quoted += code;
    } else {
      quoted += c;
    }
  }
  return quoted;
}

std::string microseconds(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3f", value);
  return text;
}

}  // namespace

Profiler::Profiler(const std::vector<Field>& fields) : names_(fields), before_(joist::listening()), listening_(*this) {}

double Profiler::now() const {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began_).count();
}

void Profiler::add(ProfileEvent event) {
  event.memory = allocator(cpu).statistics().in_use;
  events_.push_back(std::move(event));
  free_since_ = now();
}

void Profiler::on_record(const Operation& operation, std::span<const Tensor> inputs, std::span<const Tensor> outputs) {
  if (before_) before_->on_record(operation, inputs, outputs);
  const double end = now();
  add({.name = describe(operation),
       .category = "forward",
       .layer = names_.place(inputs, outputs),
       .shape = outputs.empty() ? "" : outputs[0].shape().text(),
       .start = free_since_,
       .duration = end - free_since_});
}

void Profiler::on_backward(const Node& node, std::span<const Array> output_gradients) {
  if (before_) before_->on_backward(node, output_gradients);
  running_.push_back(free_since_ = now());
}

void Profiler::on_backward_done(const Node& node, std::span<const Array> output_gradients) {
  if (before_) before_->on_backward_done(node, output_gradients);
  if (running_.empty()) return;  // the profiler began in the middle
  const double end = now(), start = running_.back();
  running_.pop_back();
  const auto first =
      std::find_if(output_gradients.begin(), output_gradients.end(), [](const Array& dy) { return dy.defined(); });
  add({.name = describe(node.operation()),
       .category = "backward",
       .layer = names_.take_place(node),
       .shape = first == output_gradients.end() ? "" : first->shape().text(),
       .start = start,
       .duration = end - start});
}

Profiler::Phase::Phase(Profiler* profiler, std::string name) : profiler_(profiler), name_(std::move(name)) {
  if (profiler_) profiler_->free_since_ = start_ = profiler_->now();
}

Profiler::Phase::~Phase() {
  if (!profiler_) return;
  const double end = profiler_->now();
  profiler_->add({.name = name_, .category = "phase", .start = start_, .duration = end - start_});
}

std::string Profiler::chrome_trace() const {
  std::string text = "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n";
  text += "{\"name\": \"process_name\", \"ph\": \"M\", \"pid\": 1, \"args\": {\"name\": \"joist\"}}";
  for (const ProfileEvent& event : events_) {
    text += ",\n{\"name\": \"" + escaped(event.name) + "\", \"cat\": \"" + event.category +
            "\", \"ph\": \"X\", \"pid\": 1, \"tid\": 1, \"ts\": " + microseconds(event.start) +
            ", \"dur\": " + microseconds(event.duration) + ", \"args\": {\"layer\": \"" + escaped(event.layer) +
            "\", \"shape\": \"" + escaped(event.shape) + "\", \"bytes_in_use\": " + std::to_string(event.memory) + "}}";
    text +=
        ",\n{\"name\": \"memory\", \"ph\": \"C\", \"pid\": 1, \"ts\": " + microseconds(event.start + event.duration) +
        ", \"args\": {\"bytes\": " + std::to_string(event.memory) + "}}";
  }
  return text + "\n]}\n";
}

std::string Profiler::table(std::size_t rows) const {
  struct Total {
    double time = 0;
    std::int64_t calls = 0;
  };
  std::map<std::pair<std::string, std::string>, Total> totals;
  double all = 0;
  for (const ProfileEvent& event : events_) {
    if (event.category == "phase") continue;
    Total& total = totals[{event.name, event.category}];
    total.time += event.duration;
    ++total.calls;
    all += event.duration;
  }
  std::vector<std::pair<std::pair<std::string, std::string>, Total>> sorted(totals.begin(), totals.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.time > b.second.time; });
  std::string text;
  for (std::size_t i = 0; i < std::min(rows, sorted.size()); ++i) {
    const auto& [key, total] = sorted[i];
    char line[160];
    std::snprintf(line, sizeof(line), "%-28s %-9s %10.2f ms %5.1f %% %8lld calls\n", key.first.c_str(),
                  key.second.c_str(), total.time / 1000, all > 0 ? 100 * total.time / all : 0,
                  static_cast<long long>(total.calls));
    text += line;
  }
  return text;
}

}  // namespace joist
