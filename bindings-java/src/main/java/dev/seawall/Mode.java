package dev.seawall;

/** How strictly an object acts. */
public enum Mode {
    /** Decide and refuse. The default. */
    ENFORCE,
    /** Decide and count, never refuse: for trying settings on real traffic. */
    SHADOW,
    /** Neither decide nor count. */
    OFF
}
