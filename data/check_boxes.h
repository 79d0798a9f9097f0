// Boxes and outlines as the label doctor looks at them. Private to data/.
#pragma once

#include <joist/data/dataset.h>
#include <joist/data/decode.h>

#include <memory>
#include <string>

namespace joist {

/// "640×480"
std::string size_text(int width, int height);

/// "box 1,2 to 3,4"
std::string box_text(const Box& box);

/// How far a box reaches over the edges, in pixels.
double overhang(const Box& box, int width, int height);

/// Cuts the box off at the picture's edges.
void clip(Annotation& annotation, int width, int height);

/// The points of an outline, drawn on the stored rows of a picture, in the upright picture.
std::shared_ptr<const Outline> turned(const Outline& outline, const PictureInfo& info);

}  // namespace joist
