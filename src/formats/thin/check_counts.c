/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pool's two space maps, for the frame to compare. */
#include "formats/thin/check.h"

/* Data first: their bitmaps are blocks that the metadata's counts have to know. */
int thin_check_space_maps(struct thin_check *c)
{
	struct check_map *data = &c->space_maps[THIN_MAP_DATA];
	struct check_map *meta = &c->space_maps[THIN_MAP_METADATA];
	int r;

	*data = (struct check_map){
		.place = BP_PLACE_DATA_SPACE_MAP,
		.name = "data space map",
		.blocks = "data",
		.index = "data space map: index tree",
		.counts = "data space map: reference count tree",
		.on_tree = true,
		.root = c->live.data_sm,
		.expected = &c->data_counts,
	};
	*meta = (struct check_map){
		.place = BP_PLACE_METADATA_SPACE_MAP,
		.name = "metadata space map",
		.blocks = "metadata",
		.counts = "metadata space map: reference count tree",
		.root = c->live.metadata_sm,
		.expected = &c->check.counts,
	};
	r = check_maps(&c->check, c->space_maps, THIN_MAPS);
	c->res.nr_data_leaked = data->report.nr_leaked;
	c->res.nr_data_wrong = data->report.nr_wrong;
	c->res.nr_metadata_leaked = meta->report.nr_leaked;
	c->res.nr_metadata_wrong = meta->report.nr_wrong;
	return r;
}
