// Turns what an epoch added, in ids, into a PartialBlock, in text; and back. Engine thread.
#pragma once

#include <memory>

#include "core/engine.hpp"
#include "pipeline/ids.hpp"
#include "pipeline/ports.hpp"
#include "pipeline/title_book.hpp"

namespace marquee {

// Which titles go with rows: those that the epoch has seen, or all that are known.
enum class WhichTitles : std::uint8_t { kSeen, kKnown };

// Cost: one copy of each item's text and title, one of each group's key per block.
std::shared_ptr<PartialBlock> to_block(const Partials& partials, const IdKeeper& ids, const TitleBook& titles,
                                       WhichTitles which);

// Gives ids to the block's texts and restores its rows into the engine, and their titles.
Status restore_block(const PartialBlock& block, IdKeeper& ids, Engine& engine, TitleBook& titles);

}  // namespace marquee
