"""Lines for a catalogue of the whole sky, partition by partition, with LSDB."""

import lsdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import starglow as sg
import starglow.lsdb

if __name__ == "__main__":  # Dask may start processes
    galaxies, random = sg.mock(1500, seed=13), np.random.default_rng(13)
    dec = np.degrees(np.arcsin(random.uniform(-1, 1, 1500)))
    columns = {f"BAND_FLUX_{b}": galaxies.band_flux[:, b] for b in range(12)}
    frame = pd.DataFrame({"ra": random.uniform(0, 360, 1500), "dec": dec, "TARGETID": galaxies.targetid,
                          "Z": galaxies.z, **columns})  # fmt: skip
    catalogue = lsdb.from_dataframe(frame, ra_column="ra", dec_column="dec", partition_rows=800, margin_threshold=None)
    with_lines = starglow.lsdb.add_lines(catalogue, draws=2, seed=1)  # nothing is computed before it is asked for
    sky = with_lines.cone_search(ra=180, dec=20, radius_arcsec=3600 * 30).compute()

    figure, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
    shown = ax.scatter(sky["ra"], sky["dec"], c=np.log10(sky["HALPHA_EW"].astype(float).clip(0.1)), s=8)
    ax.set(xlabel="RA / deg", ylabel="Dec / deg", title=f"{len(sky)} galaxies of {catalogue.npartitions} partitions")
    figure.colorbar(shown, label="log10 EW(H$\\alpha$) / A")
    figure.savefig("lsdb_catalogue.png", dpi=120)
