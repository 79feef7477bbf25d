console.log('relay: not written yet');
