// Turns what an epoch added, in ids, into a PartialBlock, in text; and back. Engine thread.
#pragma once

#include <memory>

#include "core/engine.hpp"
#include "pipeline/ids.hpp"
#include "pipeline/ports.hpp"

namespace marquee {

// Cost: one copy of each item's text, one of each group's key per block.
std::shared_ptr<PartialBlock> to_block(const Partials& partials, const IdKeeper& ids);

// Gives ids to the block's texts and restores its rows into the engine.
Status restore_block(const PartialBlock& block, IdKeeper& ids, Engine& engine);

}  // namespace marquee
