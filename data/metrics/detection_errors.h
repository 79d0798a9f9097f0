// What is wrong with each detection, and what each kind of mistake costs: the error split of TIDE (Bolya et al., "TIDE:
// A general toolbox for identifying object detection errors", 2020), and the confusion matrix.
#pragma once

#include <joist/data/metrics/coco.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace joist {

/// A detection is right if it has IoU 0.5 with an object of its class that no better one took. Else, by its overlap
/// with the objects in the picture, in this order of precedence:
enum class ErrorKind : std::uint8_t {
  none,            ///< right
  localisation,    ///< the right class, IoU 0.1 to 0.5
  classification,  ///< another class, IoU 0.5 or more
  duplicate,       ///< the right class, IoU 0.5 or more, but the object was taken by a better detection
  background,      ///< IoU below 0.1 with everything
  both,            ///< another class, IoU 0.1 to 0.5
  missed           ///< of objects: not found, nor close to a detection of the first two kinds
};
const char* name_of(ErrorKind kind);

constexpr std::size_t nothing = static_cast<std::size_t>(-1);

/// One detection.
struct DetectionVerdict {
  ErrorKind kind = ErrorKind::none;
  bool counts = false;           ///< false: given to a crowd, or beyond COCO's 100 of a class and picture
  std::size_t object = nothing;  ///< index of the object that it is taken for, or was confused with
  double overlap = 0;            ///< IoU with that object
};

/// One object of the truth.
struct ObjectVerdict {
  bool counts = false;              ///< false: a crowd, or of a picture or class outside the lists
  std::size_t detection = nothing;  ///< index of the detection that found it
  bool is_missed = false;           ///< neither found nor close to a detection that is off or of another class
};

struct ErrorAnalysis {
  std::vector<DetectionVerdict> detections{};  ///< of each detection, in the order given
  std::vector<ObjectVerdict> objects{};        ///< of each object of the truth
  double AP50 = -1;                            ///< mean over the classes with objects
  struct Share {
    ErrorKind kind = ErrorKind::none;
    std::int64_t count = 0;
    double gain = 0;  ///< AP50 if mistakes of this kind alone were put right, minus AP50
  };
  /// In the order of ErrorKind, without `none`. Put right: the box or class corrected (or the detection taken away
  /// where the object is found anyway), the detection taken away, the missed object no longer asked for.
  std::vector<Share> shares{};
};

/// `thresholds`: of each class, in the order of the ids: detections below it are not counted in Share::count; empty:
/// all are. Throws DataError like evaluate().
ErrorAnalysis analyse_errors(const CocoTruth& truth, const std::vector<Detection>& detections,
                             const std::vector<double>& thresholds = {});

/// Which class was taken for which.
struct ConfusionMatrix {
  std::vector<std::string> classes{};  ///< in the order of the ids
  /// [classes + 1, classes + 1]: predicted class by row, true class by column; the last stands for background, so that
  /// the last row counts what was missed and the last column what was found where nothing is.
  std::vector<std::int64_t> counts{};
  std::int64_t at(std::size_t predicted, std::size_t actual) const {
    return counts[predicted * (classes.size() + 1) + actual];
  }
};

/// Of the detections with at least this confidence, each goes with the object, of whatever class, that it overlaps most
/// (more than `overlap`), and of several that go with one object the one that overlaps it most counts; the others count
/// as background. Detections on crowds are left out.
ConfusionMatrix confusion_matrix(const CocoTruth& truth, const std::vector<Detection>& detections,
                                 double confidence = 0.25, double overlap = 0.45);

}  // namespace joist
