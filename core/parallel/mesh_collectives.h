// The algorithms of the collectives, in terms of messages between pairs of ranks. Each blocks until this rank's part is
// done and throws what failed the mesh.
#pragma once

#include <joist/core/parallel/collective.h>
#include <joist/core/parallel/mesh.h>

namespace joist::parallel {

struct MeshPosition {
  Mesh& mesh;
  int rank;
  int size;
};

/// Carries out any collective but send and receive.
void perform(const MeshPosition& position, const Collective& collective);

/// The same number for calls that may be one collective: function, reduction, root, type, length, parts and name.
std::uint64_t signature_of(const Collective& collective);

}  // namespace joist::parallel
